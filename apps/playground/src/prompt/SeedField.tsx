import { useId } from 'react';
import { Icon } from '../parts/Icon.tsx';
import { changeRecipe } from '../state/changes.ts';
import { randomSeed } from '../state/recipe.ts';
import { update, useStore } from '../state/store.ts';

/** The seed with lock and dice, and how many images. */
export function SeedField() {
  const { seed, count, verb } = useStore((state) => state.recipe);
  const isLocked = useStore((state) => state.isSeedLocked);
  const seedId = useId();
  const countId = useId();
  const hasCount = verb === 'generate' || verb === 'variations';
  return (
    <div className="seed-row">
      <div className="field">
        <label htmlFor={seedId}>Seed</label>
        <div className="with-buttons">
          <input
            id={seedId}
            type="number"
            min={0}
            max={Number.MAX_SAFE_INTEGER - 8}
            step={1}
            required
            value={seed}
            onChange={({ target }) => {
              const value = Math.round(target.valueAsNumber);
              if (value >= 0) {
                changeRecipe({ seed: value });
                update((state) => ({ ...state, isSeedLocked: true }));
              }
            }}
          />
          <button
            type="button"
            className="icon"
            aria-pressed={isLocked}
            aria-label="Keep this seed"
            title={isLocked ? 'The seed stays' : 'A new seed for each image'}
            onClick={() => update((state) => ({ ...state, isSeedLocked: !isLocked }))}
          >
            <Icon name={isLocked ? 'lock' : 'unlock'} />
          </button>
          <button
            type="button"
            className="icon"
            aria-label="Another seed"
            title="Another seed"
            onClick={() => changeRecipe({ seed: randomSeed() })}
          >
            <Icon name="dice" />
          </button>
        </div>
      </div>
      <div className="field count">
        <label htmlFor={countId}>Images</label>
        <select
          id={countId}
          value={hasCount ? count : 1}
          disabled={!hasCount}
          onChange={({ target }) => changeRecipe({ count: Number(target.value) })}
        >
          {[1, 2, 3, 4, 5, 6, 7, 8].map((number) => (
            <option key={number}>{number}</option>
          ))}
        </select>
      </div>
    </div>
  );
}
