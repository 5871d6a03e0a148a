import { bundledModel } from 'virtual:bundled-model';
import { useSyncExternalStore } from 'react';
import { firstRecipe, randomSeed } from './recipe.ts';
import { BUNDLED_ID, type ModelChoice, type PlaygroundState } from './state.ts';

/** The page's own model. */
export const bundledChoice: ModelChoice = {
  title: 'Emoji scenes (bundled)',
  source: bundledModel.folder,
  sizeBytes: bundledModel.sizeBytes,
  id: BUNDLED_ID,
  hasSuperRes: bundledModel.hasSuperRes,
};

let state: PlaygroundState = {
  model: { status: 'absent' },
  choice: bundledChoice,
  device: 'auto',
  recipe: { ...firstRecipe, seed: randomSeed() },
  isSeedLocked: false,
  results: [],
  masks: { past: [], future: [] },
  announcement: '',
};
const listeners = new Set<() => void>();

export function getState(): PlaygroundState {
  return state;
}

/** The one way to change the state. */
export function update(change: (state: PlaygroundState) => PlaygroundState): void {
  const next = change(state);
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A part of the state; the component is drawn again when that part is another. */
export function useStore<T>(select: (state: PlaygroundState) => T): T {
  return useSyncExternalStore(subscribe, () => select(state));
}
