import { bundledModel } from 'virtual:bundled-model';
import { make } from '../session/make.ts';
import { ensureMuse } from '../session/session.ts';
import type { Result } from '../state/result.ts';
import { hubChoice, selectedResult } from '../state/state.ts';
import { getState, subscribe, update } from '../state/store.ts';
import { decodeLink, linkOf } from '../takeAway/link.ts';

/** The page's address says what the chosen image is made of, and a page opened by such an address makes it again. */
export async function followLinks(): Promise<void> {
  window.addEventListener('hashchange', async () => {
    if (await takeLink()) void make();
  });
  subscribe(() => void showAddress());
  const hasLink = await takeLink();
  // Megabytes are only loaded unasked if they are here already.
  if (!(await isModelKept())) return;
  if (hasLink) void make();
  else void ensureMuse();
}

let shown: Result | undefined;

async function showAddress(): Promise<void> {
  const result = selectedResult(getState());
  if (!result || result === shown) return;
  shown = result;
  const link = await linkOf(result);
  if (result === shown) history.replaceState(null, '', link ?? location.pathname);
}

/** @returns whether the address says something */
async function takeLink(): Promise<boolean> {
  const linked = await decodeLink(location.hash);
  if (!linked) return false;
  const { recipe, model } = linked;
  update((state) => ({
    ...state,
    recipe,
    isSeedLocked: true,
    masks: { past: [], future: [] },
    ...(model && { choice: hubChoice(model) }),
  }));
  return true;
}

async function isModelKept(): Promise<boolean> {
  if (getState().choice.source !== bundledModel.folder) return false;
  try {
    const cache = await caches.open('muse-models');
    const url = new URL(`${bundledModel.folder}/model_index.json`, document.baseURI).href;
    return (await cache.match(url))?.ok === true;
  } catch {
    return false;
  }
}
