import { Picture } from '../parts/Picture.tsx';
import { duration } from '../parts/units.ts';
import { showStep } from '../state/changes.ts';
import { lastBaseStep, type Result } from '../state/result.ts';
import { useStore } from '../state/store.ts';
import { TakeAway } from '../takeAway/TakeAway.tsx';
import { BeforeAfter } from './BeforeAfter.tsx';
import { Stages } from './Stages.tsx';
import { BlankGrid, StepPicture } from './StepPicture.tsx';
import { StepScrubber } from './StepScrubber.tsx';

interface ResultViewProps {
  readonly result: Result;
}

/** The chosen image: at its end, or at a step of it. */
export function ResultView({ result }: ResultViewProps) {
  const shownStep = useStore((state) => state.shownStep);
  const { image, recipe, steps, times, device } = result;
  const step = shownStep === undefined ? undefined : steps[shownStep];
  const base = lastBaseStep(result);
  const isInBase = base !== undefined && step?.stage === 'base';
  const { prompt } = image.settings;
  const label = prompt === '' ? `A variation, seed ${image.seed}` : `${prompt}, seed ${image.seed}`;
  const isSameSize = recipe.image?.width === image.width && recipe.image.height === image.height;
  const source = recipe.verb !== 'generate' && isSameSize ? recipe.image : undefined;
  const stepPicture = step && <StepPicture step={step} label={`Step ${step.step} of ${step.numSteps}`} />;
  const stages = times.superRes > 0 ? ` (${duration(times.base)} + ${duration(times.superRes)})` : '';
  const time = `${duration(times.total)}${stages}`;
  return (
    <div className={`result ${base ? 'two-stages' : ''}`}>
      <Stages
        aspect={image.width / image.height}
        first={
          base && {
            picture: isInBase ? stepPicture : <Picture image={base.preview} label={`${label}, first stage alone`} />,
            caption: `First stage, ${base.preview.width} × ${base.preview.height}`,
          }
        }
        caption={`Second stage, ${image.width} × ${image.height}`}
      >
        {isInBase ? (
          <BlankGrid side={2 * base.grid[0]} />
        ) : (
          (stepPicture ??
          (source ? (
            <BeforeAfter before={source} after={image} label={label} />
          ) : (
            <Picture image={image} label={label} />
          )))
        )}
      </Stages>
      <div className="below">
        <StepScrubber steps={steps} shown={shownStep} onShow={showStep} />
        <p className="caption">
          <span className="caption-prompt">{prompt || 'no prompt'}</span>
          <span className="facts">
            {[`seed ${image.seed}`, `${image.width} × ${image.height}`, device, time].join('\u00a0· ')}
          </span>
        </p>
        <TakeAway result={result} />
      </div>
    </div>
  );
}
