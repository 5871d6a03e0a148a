import { make } from '../session/make.ts';
import { changeRecipe } from '../state/changes.ts';
import { useStore } from '../state/store.ts';

const examples = [
  'a smiling cat, 3D style',
  'two red apples, flat style, on a blue background',
  'a rocket, Noto style, on a purple background',
  'a big octopus, 3D style, on a yellow background',
  'a small fox in the top left corner, flat style',
  'three sailboats, 3D style',
];

/** Prompts of the kind that the bundled model knows, to click. */
export function Examples() {
  const isWorking = useStore(({ work, model }) => work !== undefined || model.status === 'loading');
  return (
    <ul className="examples" aria-label="Examples">
      {examples.map((prompt) => (
        <li key={prompt}>
          <button
            type="button"
            className="chip"
            onClick={() => {
              changeRecipe({ prompt });
              if (!isWorking) void make();
            }}
          >
            {prompt}
          </button>
        </li>
      ))}
    </ul>
  );
}
