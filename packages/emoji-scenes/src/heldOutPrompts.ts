import { ConfigError, randomUint32 } from '@muse/backend';
import { caption } from './captions.js';
import { type Scene, type SceneKind, sampleScene, sceneKinds } from './scene.js';

/** Something to ask a model for, and what the answer should show. */
export interface ScenePrompt {
  /** The scene's plain caption. */
  readonly prompt: string;
  /** For the model's own random numbers. */
  readonly seed: number;
  readonly scene: Scene;
}

const PROMPT_STAGE = 0x9e1d;
/** Repeats in a row after which there are no more: the last of 3000 takes half as many. */
const MAX_REPEATS = 6000;

/**
 * Prompts for scenes of one kind that no training scene equals: a (name, style, background) that was never shown, or
 * two names whose pair never was. No prompt comes twice. The first n of a longer list are the list of n.
 *
 * @param seed integer in [0, 2^53); image seeds are seed, seed + 1, …
 * @throws ConfigError for a count that is none, or more than there are
 */
export function heldOutPrompts(kind: SceneKind, count: number, seed = 0): ScenePrompt[] {
  const place = { package: 'emoji-scenes', in: 'heldOutPrompts' };
  const kindIndex = sceneKinds.indexOf(kind);
  if (kindIndex < 0) throw new ConfigError(place, `expected kind ${sceneKinds.join(', ')}, got ${kind}`);
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new ConfigError(place, `expected count to be an integer of at least 0, got ${count}`);
  }
  const prompts = new Map<string, ScenePrompt>();
  for (let i = 0, repeats = 0; prompts.size < count; i++) {
    const sceneSeed = randomUint32({ seed, stage: PROMPT_STAGE, step: kindIndex }, 1, i)[0]!;
    const scene = sampleScene({ seed: sceneSeed, split: 'heldOut', kinds: { [kind]: 1 } });
    const prompt = caption(scene);
    if (!prompts.has(prompt)) {
      prompts.set(prompt, { prompt, seed: seed + prompts.size, scene });
      repeats = 0;
    } else if (++repeats > MAX_REPEATS) {
      const most = `expected at most ${prompts.size} held-out prompts of kind ${kind}`;
      throw new ConfigError(place, `${most}, got count ${count}`);
    }
  }
  return [...prompts.values()];
}
