import { megabytes } from '../parts/units.ts';
import { stopLoading } from '../session/session.ts';
import { showsStages } from '../state/recipe.ts';
import { useStore } from '../state/store.ts';
import { Stages } from './Stages.tsx';
import { BlankGrid } from './StepPicture.tsx';

/** The stage before there is an image: what will happen, and the model on its way. */
export function Welcome() {
  const model = useStore((state) => state.model);
  const side = model.status === 'ready' ? model.facts.grid[0] : 8;
  const isTwo = useStore(({ model, choice, recipe }) =>
    showsStages(recipe, model.status === 'ready' ? model.facts.hasSuperRes : choice.hasSuperRes === true),
  );
  return (
    <div className={`welcome ${isTwo ? 'two-stages' : ''}`}>
      <Stages
        first={isTwo ? { picture: <BlankGrid side={side} />, caption: 'First stage' } : undefined}
        caption="Second stage, in more detail"
      >
        <BlankGrid side={isTwo ? 2 * side : side} />
      </Stages>
      <div className="below">
        {model.status === 'loading' ? (
          <div className="progress-line">
            <progress aria-label="The model is loaded" value={model.loadedBytes} max={Math.max(1, model.totalBytes)} />
            <span>
              {megabytes(model.loadedBytes)} of {megabytes(model.totalBytes)}{' '}
              <button type="button" className="link" onClick={stopLoading}>
                Stop
              </button>
            </span>
          </div>
        ) : (
          <p className="lead">
            Say what to draw. Every tile is a token that is still open; step by step the model decides them all. It runs
            here, on your machine, and nothing you type leaves it.
          </p>
        )}
      </div>
    </div>
  );
}
