import { describe, expect, it } from 'vitest';
import { Pace } from './pace.js';

describe('Pace', () => {
  it('leaves the first measurement out once there is a second, then takes a running mean', () => {
    let time = 0;
    const pace = new Pace(32, () => time);
    time = 60_000;
    pace.add(1);
    expect(pace.secondsPerStep).toBe(60);
    time += 4_000;
    pace.add(2);
    expect(pace.secondsPerStep).toBe(2);
    expect(pace.imagesPerSecond).toBe(16);
    time += 3_000;
    pace.add(1);
    expect(pace.secondsPerStep).toBeCloseTo(2.1, 12);
  });
});
