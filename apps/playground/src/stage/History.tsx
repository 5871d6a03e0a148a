import { Picture } from '../parts/Picture.tsx';
import { select } from '../state/changes.ts';
import { useStore } from '../state/store.ts';

/** What was made, newest first. */
export function History() {
  const results = useStore((state) => state.results);
  const selected = useStore((state) => state.selected);
  return (
    <section className="history" aria-label="Results">
      <ol>
        {results.map(({ id, image, recipe }) => (
          <li key={id}>
            <button
              type="button"
              aria-pressed={id === selected}
              aria-label={`${image.settings.prompt || recipe.verb}, seed ${image.seed}`}
              title={`${image.settings.prompt || recipe.verb} · seed ${image.seed}`}
              onClick={() => select(id)}
            >
              <Picture image={image} label="" />
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
