import { Field } from '../parts/Field.tsx';
import { changeRecipe } from '../state/changes.ts';
import { useStore } from '../state/store.ts';

/** What the image is not to show; an edit starts from it. */
export function NegativeField() {
  const { verb, negativePrompt } = useStore(({ recipe }) => recipe);
  return (
    <Field label={verb === 'edit' ? 'Away from (what it shows now)' : 'Without'} hint="Guided away from these words">
      {(id) => (
        <input
          id={id}
          type="text"
          value={negativePrompt}
          spellCheck={false}
          onChange={({ target }) => changeRecipe({ negativePrompt: target.value })}
        />
      )}
    </Field>
  );
}
