import { randomUint32 } from '@muse/backend';
import { expect, it } from 'vitest';
import { firstRecipe, optionsOf, type Recipe } from '../state/recipe.ts';
import { codeOf, commandOf } from './code.ts';
import { decodeLink, encodeLink } from './link.ts';

const cat: Recipe = { ...firstRecipe, prompt: 'a cat', seed: 7 };
/** 5 × 3 pixels, each of its own colour. */
const image = {
  width: 5,
  height: 3,
  data: Uint8ClampedArray.from({ length: 60 }, (_, i) => (i % 4 === 3 ? 255 : 4 * i)),
};
const mask = { width: 5, height: 3, data: Uint8Array.from({ length: 15 }, (_, i) => (i % 2 === 0 ? 1 : 0)) };
const context = { model: '@muse/model-emoji', hasSuperRes: false };

it('a link gives back the recipe, whatever is in it', async () => {
  const recipes: Recipe[] = [
    cat,
    {
      ...cat,
      prompt: 'ä & #=?',
      negativePrompt: 'a dog',
      count: 8,
      sampling: { numSteps: 3, choiceTemperature: [1, 0] },
    },
    { ...cat, verb: 'inpaint', image, mask, superRes: false },
    {
      ...cat,
      verb: 'outpaint',
      image,
      mask: { ...mask, data: new Uint8Array(15) },
      margins: { left: 1, right: 2, top: 3, bottom: 5 },
    },
    {
      ...cat,
      verb: 'edit',
      image,
      mask: { ...mask, data: new Uint8Array(15) },
      strength: 0.25,
      remaskRatio: 0.1,
      iterations: 17,
    },
  ];
  for (const recipe of recipes) {
    const link = await encodeLink({ recipe, model: 'org/name' });
    expect(await decodeLink(`#${link}`)).toEqual({ recipe, model: 'org/name' });
  }
});

it('a link without an image’s megabytes: there is none', async () => {
  // Noise, which no file format makes smaller.
  const noise = randomUint32({ seed: 1, stage: 0 }, 4 * 200 * 200);
  const data = Uint8ClampedArray.from(noise, (value, i) => (i % 4 === 3 ? 255 : value >>> 24));
  expect(
    await encodeLink({ recipe: { ...cat, verb: 'variations', image: { width: 200, height: 200, data } } }),
  ).toBeUndefined();
});

it.each(['', '#', '#about', '#prompt=a&sampling={', '#prompt=a&verb=inpaint&image=AAAA'])(
  'takes nothing from %j',
  async (hash) => {
    expect(await decodeLink(hash)).toBeUndefined();
  },
);

it('takes from a link only what is a setting, in its range', async () => {
  const linked = await decodeLink(
    '#prompt=a&count=900&strength=-3&seed=x&sampling={"numSteps":5,"prompt":"b","onStep":1}&verb=rm',
  );
  expect(linked!.recipe).toEqual({ ...firstRecipe, prompt: 'a', count: 8, sampling: { numSteps: 5 } });
});

it('code names what was changed, and nothing else', () => {
  const code = codeOf(
    { ...cat, prompt: "it's", sampling: { numSteps: 3, choiceTemperature: [1, 0] }, count: 2 },
    context,
  );
  expect(code).toContain(
    "muse.generate({ prompt: 'it\\'s', seed: 7, count: 2, numSteps: 3, choiceTemperature: [1, 0] })",
  );
  expect(codeOf({ ...cat, verb: 'inpaint', image, mask }, context)).toContain(
    "const result = await muse.inpaint({ image, mask, prompt: 'a cat', seed: 7 });",
  );
});

it('texts are quoted, for JavaScript and for a shell', () => {
  expect(codeOf({ ...cat, prompt: "it's\n\\" }, context)).toContain("prompt: 'it\\'s\\n\\\\'");
  expect(commandOf({ ...cat, prompt: "it's; rm" }, context)).toBe("npx @muse/cli generate 'it'\\''s; rm' --seed 7");
  const edit: Recipe = { ...cat, verb: 'edit', image, strength: 0.5, iterations: 30, sampling: { guidanceScale: 2 } };
  expect(commandOf(edit, { model: 'org/name', hasSuperRes: true })).toBe(
    "npx @muse/cli edit image.png 'a cat' --seed 7 --iterations 30 --guidance 2 --strength 0.5 --model org/name",
  );
});

it('code and command name the weights and the device where they decide on the bytes', () => {
  const amused = { model: 'amused/amused-256', variant: 'fp16', device: 'wasm', hasSuperRes: false } as const;
  expect(codeOf(cat, amused)).toContain(
    "Muse.fromPretrained('amused/amused-256', { variant: 'fp16', device: 'wasm' })",
  );
  expect(commandOf(cat, amused)).toBe(
    "npx @muse/cli generate 'a cat' --seed 7 --model amused/amused-256 --variant fp16 --device wasm",
  );
  expect(commandOf(cat, { model: "./it's mine", hasSuperRes: false })).toContain("--model './it'\\''s mine'");
});

it('options leave to the model what was not changed', () => {
  expect(optionsOf(cat, false)).toEqual({ prompt: 'a cat', seed: 7 });
  expect(optionsOf({ ...cat, superRes: false }, true)).toEqual({ prompt: 'a cat', seed: 7, superRes: false });
  const edit: Recipe = {
    ...cat,
    verb: 'edit',
    strength: 0.5,
    sampling: { numSteps: 3, order: 'halton', guidanceScale: 2 },
  };
  expect(optionsOf(edit, false)).toEqual({ prompt: 'a cat', seed: 7, guidanceScale: 2, strength: 0.5 });
  const grown: Recipe = { ...cat, verb: 'outpaint', margins: { left: 0, right: 8, top: 0, bottom: 0 } };
  expect(optionsOf(grown, false)).toEqual({ prompt: 'a cat', seed: 7, right: 8 });
});
