import { isAmused, type MuseParts } from '../museParts.js';
import { clipConditioner } from './clipConditioner.js';
import type { Conditioner } from './conditioner.js';
import { t5Conditioner } from './t5Conditioner.js';

/** How the model that these parts make is told what to draw. */
export function conditionerOf(parts: MuseParts): Conditioner {
  return isAmused(parts) ? clipConditioner(parts) : t5Conditioner(parts);
}
