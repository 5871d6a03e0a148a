import { ConfigError } from '@muse/backend';
import { describe, expect, test } from 'vitest';
import { parseModelIndex } from './modelIndex.js';

const sampling = {
  numSteps: 24,
  guidanceScale: 3,
  guidanceSchedule: 'linear',
  sampleTemperature: 1,
  choiceTemperature: [4.5, 0],
  order: 'confidence',
  maskSchedule: 'cosine',
};
const index = {
  format: 'muse',
  formatVersion: 1,
  name: 'tiny',
  license: 'Apache-2.0',
  components: { vqgan: 'VQGAN', text_encoder: 'T5Encoder' },
  sampling,
  imageSize: [64, 48],
};

test('takes a whole index as it stands', () => {
  expect(parseModelIndex(structuredClone(index))).toEqual(index);
});

const cascade = {
  ...index,
  components: { ...index.components, super_res_transformer: 'SuperResTransformer', super_res_vqgan: 'VQGAN' },
  superResSampling: { ...sampling, numSteps: 8 },
  superResImageSize: [128, 96],
};

test('takes an index with a second stage as it stands', () => {
  expect(parseModelIndex(structuredClone(cascade))).toEqual(cascade);
});

test('drops fields that it does not know', () => {
  expect(parseModelIndex({ ...index, note: 'by hand' })).toEqual(index);
});

const bad: [unknown, string][] = [
  [[], 'the file to be an object, got an array'],
  [null, 'the file to be an object, got null'],
  [{ ...index, format: 'onnx' }, 'format to be "muse", got "onnx"'],
  [{ ...index, formatVersion: 2 }, 'formatVersion to be 1, got 2'],
  [{ ...index, formatVersion: '1' }, 'formatVersion to be 1, got "1"'],
  [{ ...index, name: undefined }, 'name to be a non-empty string, got none'],
  [{ ...index, license: '' }, 'license to be a non-empty string, got ""'],
  [{ ...index, components: undefined }, 'components to be an object, got undefined'],
  [{ ...index, components: {} }, 'components to have a component, got none'],
  [
    { ...index, components: { '../vqgan': 'VQGAN' } },
    'components to have folder names of letters, digits, _ and -, got "../vqgan"',
  ],
  [{ ...index, components: { vqgan: 1 } }, 'components.vqgan to be a non-empty string, got 1'],
  [{ ...index, sampling: 'fast' }, 'sampling to be an object, got a string'],
  [{ ...index, sampling: { ...sampling, numSteps: 0 } }, 'sampling.numSteps to be an integer of at least 1, got 0'],
  [{ ...index, sampling: { ...sampling, numSteps: 2.5 } }, 'sampling.numSteps to be an integer of at least 1, got 2.5'],
  [
    { ...index, sampling: { ...sampling, guidanceScale: -1 } },
    'sampling.guidanceScale to be a number of at least 0, got -1',
  ],
  [
    { ...index, sampling: { ...sampling, guidanceScale: null } },
    'sampling.guidanceScale to be a number of at least 0, got null',
  ],
  [{ ...index, sampling: { ...sampling, order: undefined } }, 'sampling.order to be a non-empty string, got none'],
  [
    { ...index, sampling: { ...sampling, choiceTemperature: 4 } },
    'sampling.choiceTemperature to be an array of two, got 4',
  ],
  [
    { ...index, sampling: { ...sampling, choiceTemperature: [4, 'x'] } },
    'sampling.choiceTemperature.1 to be a number of at least 0, got "x"',
  ],
  [{ ...index, imageSize: [64] }, 'imageSize to be an array of two, got [64]'],
  [{ ...index, imageSize: [64, 0] }, 'imageSize.1 to be an integer of at least 1, got 0'],
  [
    { ...cascade, components: { ...cascade.components, super_res_vqgan: undefined } },
    'components.super_res_vqgan to be a non-empty string, got none',
  ],
  [{ ...cascade, superResSampling: undefined }, 'superResSampling to be an object, got undefined'],
  [{ ...cascade, superResImageSize: [128] }, 'superResImageSize to be an array of two, got [128]'],
  [{ ...index, superResImageSize: [128, 96] }, 'components.super_res_transformer to be a non-empty string, got none'],
  [{ components: {} }, 'format to be "muse", got none'],
];

describe('names file and field: expected', () => {
  test.each(bad.map(([json, message]) => [message, json] as const))('%s', (message, json) => {
    const parse = () => parseModelIndex(json, 'model/model_index.json');
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(`[checkpoint] parseModelIndex: model/model_index.json: expected ${message}`);
  });
});
