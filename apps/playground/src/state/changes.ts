import type { MaskImage, RgbaImage } from '@muse/muse';
import type { SamplingSettings } from '@muse/sampler';
import { noMargins, type Recipe, type Verb } from './recipe.ts';
import type { Result } from './result.ts';
import { update } from './store.ts';

/** Results that are kept; the oldest go. */
const MAX_RESULTS = 32;
const MAX_UNDO = 50;

export function changeRecipe(change: Partial<Recipe>): void {
  update((state) => ({ ...state, recipe: { ...state.recipe, ...change }, problem: undefined }));
}

/** `undefined` leaves the setting to the model. */
export function changeSampling(change: Partial<SamplingSettings>): void {
  update((state) => {
    const sampling = Object.entries({ ...state.recipe.sampling, ...change }).filter(([, value]) => value !== undefined);
    return { ...state, recipe: { ...state.recipe, sampling: Object.fromEntries(sampling) } };
  });
}

export function chooseVerb(verb: Verb): void {
  update((state) => {
    const selected = state.results.find(({ id }) => id === state.selected);
    const image = state.recipe.image ?? selected?.image;
    const taken = verb !== 'generate' && !state.recipe.image && image ? takeImage(image) : {};
    return { ...state, recipe: { ...state.recipe, ...taken, verb }, problem: undefined };
  });
}

/** What a recipe forgets with its image: mask and margins were that image's. */
function takeImage({ width, height, data }: RgbaImage): Partial<Recipe> {
  return { image: { width, height, data }, mask: emptyMask(width, height), margins: noMargins };
}

function emptyMask(width: number, height: number): MaskImage {
  return { width, height, data: new Uint8Array(width * height) };
}

/** An image to work on. */
export function openImage(image: RgbaImage, verb?: Verb): void {
  update((state) => {
    const next = verb ?? (state.recipe.verb === 'generate' ? 'inpaint' : state.recipe.verb);
    return {
      ...state,
      recipe: { ...state.recipe, ...takeImage(image), verb: next },
      masks: { past: [], future: [] },
      problem: undefined,
    };
  });
}

/** A new mask, after a stroke: what was is a step of the history. */
export function commitMask(data: Uint8Array): void {
  update((state) => {
    const { mask } = state.recipe;
    if (!mask) return state;
    return {
      ...state,
      recipe: { ...state.recipe, mask: { ...mask, data } },
      masks: { past: [...state.masks.past, mask.data].slice(-MAX_UNDO), future: [] },
    };
  });
}

export function undoMask(): void {
  update((state) => {
    const { mask } = state.recipe;
    const last = state.masks.past.at(-1);
    if (!mask || !last) return state;
    return {
      ...state,
      recipe: { ...state.recipe, mask: { ...mask, data: last } },
      masks: { past: state.masks.past.slice(0, -1), future: [mask.data, ...state.masks.future] },
    };
  });
}

export function redoMask(): void {
  update((state) => {
    const { mask } = state.recipe;
    const [next, ...future] = state.masks.future;
    if (!mask || !next) return state;
    return {
      ...state,
      recipe: { ...state.recipe, mask: { ...mask, data: next } },
      masks: { past: [...state.masks.past, mask.data], future },
    };
  });
}

export function addResult(result: Result): void {
  update((state) => ({
    ...state,
    results: [result, ...state.results].slice(0, MAX_RESULTS),
    selected: result.id,
    shownStep: undefined,
  }));
}

export function select(id: number): void {
  update((state) => ({ ...state, selected: id, shownStep: undefined }));
}

export function showStep(index: number | undefined): void {
  update((state) => ({ ...state, shownStep: index }));
}

/** Takes a result's recipe back into the form, to repeat or to change it. */
export function restoreRecipe({ recipe }: Result): void {
  update((state) => ({ ...state, recipe, isSeedLocked: true, masks: { past: [], future: [] } }));
}

export function notify(notice: string | undefined): void {
  update((state) => ({ ...state, notice, announcement: notice ?? state.announcement }));
}

export function announce(announcement: string): void {
  update((state) => ({ ...state, announcement }));
}
