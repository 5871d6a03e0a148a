import { numImages, showsStages } from '../state/recipe.ts';
import type { StepRecord } from '../state/result.ts';
import type { Work } from '../state/state.ts';
import { useStore } from '../state/store.ts';
import { Stages } from './Stages.tsx';
import { BlankGrid, StepPicture } from './StepPicture.tsx';

interface WorkViewProps {
  readonly work: Work;
}

/** Images as they are made: a tile for each. */
export function WorkView({ work }: WorkViewProps) {
  const count = numImages(work.recipe);
  const side = useStore(({ model }) => (model.status === 'ready' ? model.facts.grid[0] : 8));
  const current = work.steps.findLastIndex((steps) => steps.length > 0);
  const last = work.steps[current]?.at(-1);
  const isTwo = useStore(({ model }) => model.status === 'ready' && showsStages(work.recipe, model.facts.hasSuperRes));
  return (
    <div className={`work ${isTwo ? 'two-stages' : ''}`}>
      {isTwo && count === 1 ? <BothStages steps={work.steps[0]!} side={side} /> : <Tiles work={work} side={side} />}
      <WorkProgress
        text={
          last
            ? `${count > 1 ? `Image ${current + 1} of ${count} · ` : ''}${last.stage === 'super-res' ? 'second stage · ' : ''}step ${last.step} of ${last.numSteps} · ${last.numMasked} tokens open`
            : 'Reading the prompt …'
        }
        value={last ? last.step / last.numSteps : 0}
      />
    </div>
  );
}

interface StepsOf {
  readonly steps: readonly StepRecord[];
  /** Of the first stage's grid. */
  readonly side: number;
}

/** One image as both stages make it, side by side. */
function BothStages({ steps, side }: StepsOf) {
  const [base, fine] = (['base', 'super-res'] as const).map((name) => {
    const step = steps.findLast(({ stage }) => stage === name);
    return step && <StepPicture step={step} label={`Step ${step.step} of ${step.numSteps}`} />;
  });
  return (
    <Stages
      first={{ picture: base ?? <BlankGrid side={side} />, caption: 'First stage' }}
      caption="Second stage, in more detail"
    >
      {fine ?? <BlankGrid side={2 * side} />}
    </Stages>
  );
}

function Tiles({ work, side }: { readonly work: Work; readonly side: number }) {
  const results = useStore((state) => state.results);
  const isDone = (steps: readonly StepRecord[]) => results.some(({ steps: kept }) => kept[0] === steps[0]);
  return (
    <div className="tiles" data-count={work.steps.length}>
      {work.steps.map((steps, i) => {
        const step = steps.at(-1);
        const at = step && !isDone(steps) ? `, step ${step.step} of ${step.numSteps}` : '';
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: an image is its place
          <div className="tile" key={i}>
            {step ? <StepPicture step={step} label={`Image ${i + 1}${at}`} /> : <BlankGrid side={side} />}
          </div>
        );
      })}
    </div>
  );
}

function WorkProgress({ text, value }: { readonly text: string; readonly value: number }) {
  return (
    <div className="below progress-line">
      <progress aria-label="Progress of the image" value={value} max={1} />
      <span>{text}</span>
    </div>
  );
}
