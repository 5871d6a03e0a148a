import { readFileSync } from 'node:fs';
import { openCheckpoint, type TensorData } from '@muse/checkpoint';
import { fileSource } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { decode, numMaskedAfter } from './index.js';

/** AmusedScheduler of diffusers 0.33.1; internal/fixtures/python/scheduler.py, seed 1264. */
const folder = 'sampler/amused-scheduler';
const manifest = JSON.parse(readFileSync(fixturePath(`${folder}/manifest.json`), 'utf8'));
const [height, width]: [number, number] = manifest.grid;
const seqLen = height * width;

async function readTensor(file: string, name: string): Promise<TensorData> {
  const checkpoint = await openCheckpoint(await fileSource(fixturePath(`${folder}/${file}`)));
  try {
    return await checkpoint.read(name);
  } finally {
    await checkpoint.close();
  }
}

/** [V, S] of each image to [S, V]. */
function toChannelsLast(logits: Float32Array, numImages: number, codebookSize: number): Float32Array {
  const out = new Float32Array(logits.length);
  for (let b = 0; b < numImages; b++) {
    for (let v = 0; v < codebookSize; v++) {
      for (let s = 0; s < seqLen; s++) {
        out[(b * seqLen + s) * codebookSize + v] = logits[(b * codebookSize + v) * seqLen + s]!;
      }
    }
  }
  return out;
}

/** 28·cos 60° is 14; in float32 the cosine comes out below ½ and diffusers floors it to 13. */
const isRoundedDown = (key: string, step: number) => key === 'cosine.12' && step === 8;

describe('AmusedScheduler', () => {
  it.each(Object.keys(manifest.masked_after_each_step))('masks the same counts with %s, but for its clamp', (key) => {
    const [schedule, steps] = key.split('.') as ['cosine' | 'linear', string];
    const numSteps = Number(steps);
    let left = seqLen;
    const counts = Array.from({ length: numSteps }, (_, i) => {
      const exact = numMaskedAfter(schedule, seqLen, i + 1, numSteps) - (isRoundedDown(key, i + 1) ? 1 : 0);
      left = i + 1 === numSteps ? 0 : Math.max(1, Math.min(left - 1, exact));
      return left;
    });
    expect(counts).toEqual(manifest.masked_after_each_step[key]);
  });

  it.each(['cosine', 'linear'] as const)(
    'gives the same token grids after each greedy step with %s',
    async (schedule) => {
      const logits = await readTensor('inputs.safetensors', `${schedule}.5.logits`);
      const expected = await readTensor('expected.safetensors', `${schedule}.5.tokens`);
      const [numSteps, numImages, codebookSize] = logits.shape as [number, number, number];
      const perStep = numImages * seqLen * codebookSize;
      const steps = decode({
        tokensToLogits: async (_, { step }) => {
          const values = (logits.data as Float32Array).subarray((step - 1) * perStep, step * perStep);
          return { conditional: toChannelsLast(values, numImages, codebookSize) };
        },
        tokenIds: new Int32Array(numImages * seqLen).fill(manifest.mask_token_id),
        seeds: [0, 1],
        grid: [height, width],
        codebookSize,
        maskTokenId: manifest.mask_token_id,
        numSteps,
        maskSchedule: schedule,
        sampleTemperature: 0,
        choiceTemperature: [0, 0],
      });
      const grids: number[] = [];
      for await (const { tokenIds } of steps) grids.push(...tokenIds);
      expect(grids).toEqual(Array.from(expected.data, Number));
    },
  );
});
