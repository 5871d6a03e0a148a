import { numImages } from '../state/recipe.ts';
import type { Work } from '../state/state.ts';
import { useStore } from '../state/store.ts';
import { BlankGrid, StepPicture } from './StepPicture.tsx';

interface WorkViewProps {
  readonly work: Work;
}

/** Images as they are made: a tile for each. */
export function WorkView({ work }: WorkViewProps) {
  const results = useStore((state) => state.results);
  const count = numImages(work.recipe);
  const side = useStore(({ model }) => (model.status === 'ready' ? model.facts.grid[0] : 8));
  const current = work.steps.findLastIndex((steps) => steps.length > 0);
  const last = work.steps[current]?.at(-1);
  return (
    <div className="work">
      <div className="tiles" data-count={count}>
        {work.steps.map((steps, i) => {
          const step = steps.at(-1);
          const done = results.find(
            ({ recipe, steps: kept }) =>
              recipe.seed === work.recipe.seed + i && kept.length > 0 && kept[0] === steps[0],
          );
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: an image is its place
            <div className="tile" key={i}>
              {step ? (
                <StepPicture
                  step={step}
                  label={done ? `Image ${i + 1}` : `Image ${i + 1}, step ${step.step} of ${step.numSteps}`}
                />
              ) : (
                <BlankGrid side={Math.min(16, side)} />
              )}
            </div>
          );
        })}
      </div>
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

function WorkProgress({ text, value }: { readonly text: string; readonly value: number }) {
  return (
    <div className="below progress-line">
      <progress aria-label="Progress of the image" value={value} max={1} />
      <span>{text}</span>
    </div>
  );
}
