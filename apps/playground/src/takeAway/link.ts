import type { MaskImage, RgbaImage } from '@muse/muse';
import { settingNames } from '@muse/sampler';
import { firstRecipe, type Recipe, verbs } from '../state/recipe.ts';
import type { Result } from '../state/result.ts';
import { BUNDLED_ID } from '../state/state.ts';
import { maskPicture } from './maskPicture.ts';

/** Longest text of an image in a link: browsers and messengers cut links that are longer than some ten thousands. */
const MAX_IMAGE_CHARACTERS = 24_000;

/** What a link says. */
export interface Linked {
  readonly recipe: Recipe;
  /** The id of a model that is not the bundled one. */
  readonly model?: string;
}

/**
 * A recipe as the part of a URL after `#`, which no server gets to see. Images and masks of some ten kilobytes go along.
 *
 * @returns undefined when the image is too large for a link
 */
export async function encodeLink({ recipe, model }: Linked): Promise<string | undefined> {
  const { image, mask, verb, prompt, negativePrompt, seed, ...rest } = recipe;
  const parameters = new URLSearchParams({ prompt, seed: String(seed) });
  if (negativePrompt !== '') parameters.set('negative', negativePrompt);
  if (verb !== 'generate') parameters.set('verb', verb);
  if (model) parameters.set('model', model);
  for (const name of ['count', 'superRes', 'strength', 'remaskRatio', 'iterations'] as const) {
    if (rest[name] !== firstRecipe[name]) parameters.set(name, String(rest[name]));
  }
  if (Object.keys(rest.sampling).length > 0) parameters.set('sampling', JSON.stringify(rest.sampling));
  if (verb === 'outpaint') parameters.set('margins', Object.values(rest.margins).join(','));
  if (verb !== 'generate' && image) {
    const { encodePng } = await import('./png.ts');
    const text = toBase64(encodePng(image));
    if (text.length > MAX_IMAGE_CHARACTERS) return undefined;
    parameters.set('image', text);
    if (verb === 'inpaint' && mask) parameters.set('mask', toBase64(encodePng(maskPicture(mask))));
  }
  return parameters.toString();
}

/** The link that repeats a result; undefined for what is too large, or made by a model that no link can name. */
export async function linkOf({ recipe, choice }: Result): Promise<string | undefined> {
  if (choice.id === undefined) return undefined;
  const link = await encodeLink({ recipe, model: choice.id === BUNDLED_ID ? undefined : choice.id });
  return link === undefined ? undefined : `#${link}`;
}

/** The recipe of a link; undefined when it says nothing, or nothing that can be read. */
export async function decodeLink(hash: string): Promise<Linked | undefined> {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''));
  const prompt = parameters.get('prompt');
  if (prompt === null) return undefined;
  try {
    const verb = verbs.find((name) => name === parameters.get('verb')) ?? 'generate';
    const number = (name: 'seed' | 'count' | 'strength' | 'remaskRatio' | 'iterations') => {
      const value = Number(parameters.get(name) ?? firstRecipe[name]);
      return Number.isFinite(value) && value >= 0 ? value : firstRecipe[name];
    };
    const [left = 0, right = 0, top = 0, bottom = 0] = (parameters.get('margins') ?? '').split(',').map(pixels);
    const imageText = parameters.get('image');
    const maskText = parameters.get('mask');
    const image = imageText === null ? undefined : await pictureOf(imageText);
    const recipe: Recipe = {
      ...firstRecipe,
      verb,
      prompt,
      negativePrompt: parameters.get('negative') ?? '',
      seed: number('seed'),
      count: Math.min(8, Math.max(1, Math.round(number('count')))),
      strength: Math.min(1, number('strength')),
      remaskRatio: Math.min(1, number('remaskRatio')),
      iterations: Math.max(1, Math.round(number('iterations'))),
      superRes: parameters.get('superRes') !== 'false',
      sampling: samplingOf(parameters.get('sampling')),
      margins: { left, right, top, bottom },
      ...(image && { image, mask: maskText === null ? blank(image) : await maskOf(maskText) }),
    };
    return { recipe, model: parameters.get('model') ?? undefined };
  } catch {
    return undefined;
  }
}

/** Settings by their names alone, whatever else the text holds; their values are checked where they are used. */
function samplingOf(text: string | null): Recipe['sampling'] {
  const given = (text === null ? {} : JSON.parse(text)) as Record<string, unknown>;
  return Object.fromEntries(settingNames.filter((name) => name in given).map((name) => [name, given[name]]));
}

function pixels(text: string): number {
  const value = Math.round(Number(text));
  return Number.isFinite(value) && value > 0 ? Math.min(value, 4096) : 0;
}

async function pictureOf(text: string): Promise<RgbaImage> {
  const { decodePng } = await import('./png.ts');
  return decodePng(fromBase64(text));
}

function blank({ width, height }: RgbaImage): MaskImage {
  return { width, height, data: new Uint8Array(width * height) };
}

async function maskOf(text: string): Promise<MaskImage> {
  const { maskFromRgba } = await import('./png.ts');
  return maskFromRgba(await pictureOf(text));
}

/** RFC 4648 with `-` and `_`, which URLs leave alone. */
function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
}
