import { chooseVerb } from '../state/changes.ts';
import type { Verb } from '../state/recipe.ts';
import { useStore } from '../state/store.ts';

const labels: readonly (readonly [Verb, string, string])[] = [
  ['generate', 'Generate', 'An image from words'],
  ['inpaint', 'Paint over', 'Repaint a part of an image'],
  ['outpaint', 'Extend', 'Grow an image beyond its edges'],
  ['edit', 'Change', 'Change an image to what you say, without a mask'],
  ['variations', 'Vary', 'Images like an image'],
];

/** What to do: radio buttons, so that arrow keys move among them. */
export function VerbTabs() {
  const verb = useStore(({ recipe }) => recipe.verb);
  return (
    <fieldset className="verbs">
      <legend className="hidden">What to do</legend>
      {labels.map(([name, label, title]) => (
        <label key={name} title={title} className={name === verb ? 'chosen' : ''}>
          <input type="radio" name="verb" checked={name === verb} onChange={() => chooseVerb(name)} />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
