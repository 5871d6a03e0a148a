import type { Scene, SceneItem, SingleScene } from '@muse/emoji-scenes';

/**
 * A count or a pair of which only some sprites were drawn, and what it is then: fewer of the name, or one emoji alone.
 * Without such pictures a network learns the places of two, three and four, and does not count.
 *
 * @param u three uniform numbers
 * @returns the scene itself if it is a single
 */
export function withMissing(scene: Scene, u: readonly [number, number, number]): Scene {
  if (scene.kind === 'single') return scene;
  const numKept = 1 + Math.floor(u[0] * (scene.items.length - 1));
  const items = [...scene.items];
  while (items.length > numKept) items.splice(Math.floor(u[items.length % 2 ? 1 : 2] * items.length), 1);
  const { style, background } = scene;
  return numKept === 1 ? alone(items, scene) : { kind: 'count', count: numKept as 2 | 3, style, background, items };
}

function alone(items: readonly SceneItem[], { style, background }: Scene): SingleScene {
  return { kind: 'single', size: 'small', style, background, items };
}
