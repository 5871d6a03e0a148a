import { backgrounds, names, sceneKinds, styles } from '@muse/emoji-scenes';

/** What a picture is asked, a head of the network for each. */
export const headNames = ['kind', 'nameA', 'nameB', 'style', 'background', 'count', 'layout'] as const;
export type HeadName = (typeof headNames)[number];

/** How the two of a pair stand. */
export const layouts = ['horizontal', 'vertical'] as const;
export type PairLayout = (typeof layouts)[number];

/** How many there are of one name. */
export const counts = [1, 2, 3, 4] as const;
export type Count = (typeof counts)[number];

/** Number of classes of each head. */
export const headSizes: Readonly<Record<HeadName, number>> = {
  kind: sceneKinds.length,
  nameA: names.length,
  nameB: names.length,
  style: styles.length,
  background: backgrounds.length,
  count: counts.length,
  layout: layouts.length,
};
