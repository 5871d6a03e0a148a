import { Picture } from '../parts/Picture.tsx';
import { duration } from '../parts/units.ts';
import { showStep } from '../state/changes.ts';
import { basePicture, type Result } from '../state/result.ts';
import { useStore } from '../state/store.ts';
import { TakeAway } from '../takeAway/TakeAway.tsx';
import { BeforeAfter } from './BeforeAfter.tsx';
import { StepPicture } from './StepPicture.tsx';
import { StepScrubber } from './StepScrubber.tsx';

interface ResultViewProps {
  readonly result: Result;
}

/** The chosen image: at its end, or at a step of it. */
export function ResultView({ result }: ResultViewProps) {
  const shownStep = useStore((state) => state.shownStep);
  const { image, recipe, steps, times, device } = result;
  const step = shownStep === undefined ? undefined : steps[shownStep];
  const base = basePicture(result);
  const { prompt } = image.settings;
  const label = prompt === '' ? `A variation, seed ${image.seed}` : `${prompt}, seed ${image.seed}`;
  const isSameSize = recipe.image?.width === image.width && recipe.image.height === image.height;
  const source = recipe.verb !== 'generate' && isSameSize ? recipe.image : undefined;
  return (
    <div className="result">
      <div className="frame" style={{ aspectRatio: `${image.width} / ${image.height}` }}>
        {step ? (
          <StepPicture step={step} label={`Step ${step.step} of ${step.numSteps}`} />
        ) : source ? (
          <BeforeAfter before={source} after={image} label={label} />
        ) : (
          <Picture image={image} label={label} />
        )}
      </div>
      <div className="below">
        {base && (
          <figure className="base-beside">
            <Picture image={base} label={`${label}, first stage alone`} />
            <figcaption>
              First stage, {base.width} × {base.height}; above, the second, {image.width} × {image.height}
            </figcaption>
          </figure>
        )}
        <StepScrubber steps={steps} shown={shownStep} onShow={showStep} />
        <p className="caption">
          <span className="caption-prompt">{prompt || 'no prompt'}</span>
          <span className="facts">
            seed {image.seed} · {image.width} × {image.height} · {device} · {duration(times.total)}
            {times.superRes > 0 && ` (${duration(times.base)} + ${duration(times.superRes)})`}
          </span>
        </p>
        <TakeAway result={result} />
      </div>
    </div>
  );
}
