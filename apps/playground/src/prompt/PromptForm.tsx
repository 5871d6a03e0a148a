import { type FormEvent, useId } from 'react';
import { megabytes } from '../parts/units.ts';
import { cancel, make } from '../session/make.ts';
import { NegativeField } from '../settings/NegativeField.tsx';
import { changeRecipe } from '../state/changes.ts';
import { missingOf } from '../state/recipe.ts';
import { useStore } from '../state/store.ts';
import { Examples } from './Examples.tsx';
import { SeedField } from './SeedField.tsx';
import { VerbTabs } from './VerbTabs.tsx';

/** Words, seed, and the button. */
export function PromptForm() {
  const recipe = useStore((state) => state.recipe);
  const promptId = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void make();
  };
  return (
    <form className="prompt-form" onSubmit={submit} aria-label="What to make">
      <VerbTabs />
      <div className="field">
        <label htmlFor={promptId}>{recipe.verb === 'variations' ? 'Prompt (may be left out)' : 'Prompt'}</label>
        <textarea
          id={promptId}
          rows={2}
          value={recipe.prompt}
          placeholder="a smiling cat, 3D style"
          spellCheck={false}
          onChange={(event) => changeRecipe({ prompt: event.target.value })}
          onKeyDown={(event) => {
            // A line break has no meaning in a prompt.
            if (event.key !== 'Enter' || event.shiftKey) return;
            event.preventDefault();
            void make();
          }}
        />
      </div>
      {recipe.verb === 'generate' && <Examples />}
      {recipe.verb === 'edit' && <NegativeField />}
      <SeedField />
      <MakeButton />
    </form>
  );
}

/** Its place stays, whatever it says. */
function MakeButton() {
  const isWorking = useStore(({ work, model }) => work !== undefined || model.status === 'loading');
  const isCancelling = useStore(({ work }) => work?.isCancelling ?? false);
  const missing = useStore(({ recipe }) => missingOf(recipe));
  const toLoad = useStore(({ model, choice }) =>
    model.status === 'ready' || choice.sizeBytes === undefined ? undefined : choice.sizeBytes,
  );
  if (isWorking) {
    return (
      <>
        <button type="button" className="primary cancelling" onClick={cancel} disabled={isCancelling}>
          {isCancelling ? 'Cancelling …' : 'Cancel'}
        </button>
        <p className="hint" />
      </>
    );
  }
  return (
    <>
      <button type="submit" className="primary" aria-describedby="make-hint">
        Make it
      </button>
      <p id="make-hint" className="hint">
        {missing ?? (toLoad ? `Loads the model first: ${megabytes(toLoad)}, kept for the next time.` : ' ')}
      </p>
    </>
  );
}
