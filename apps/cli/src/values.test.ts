import { deviceNames, modelDtypes } from '@muse/backend';
import { textEncoderPlaces } from '@muse/muse';
import * as sampler from '@muse/sampler';
import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import * as values from './values.js';

describe('the lists of choices', () => {
  it('are those of the packages', () => {
    expect([...values.devices].sort()).toEqual(['auto', ...deviceNames].sort());
    expect(values.dtypes).toEqual(['auto', ...modelDtypes]);
    expect(values.textEncoders).toEqual(['auto', ...textEncoderPlaces]);
    expect(values.orders).toEqual(sampler.decodeOrders);
    expect(values.guidanceSchedules).toEqual(sampler.guidanceSchedules);
    expect(values.maskSchedules).toEqual(sampler.maskSchedules);
  });
});

describe('the parsers of options', () => {
  it('take decimal numbers in their range', () => {
    expect(values.integerFrom(1)('24')).toBe(24);
    expect(values.integerFrom(0)('1e3')).toBe(1000);
    expect(values.numberFrom(0)('.5')).toBe(0.5);
    expect(values.share('1')).toBe(1);
    expect(values.choiceTemperature('4.5')).toEqual([4.5, 0]);
    expect(values.choiceTemperature('2,1.5')).toEqual([2, 1.5]);
    expect(values.interval('0.25,1')).toEqual([0.25, 1]);
    expect([values.unitInterval('0'), values.unitInterval('1')]).toEqual([0, 1]);
    expect(values.box('-3,0,10,20')).toEqual([-3, 0, 10, 20]);
  });

  it.each([
    [
      'integer',
      values.integerFrom(1),
      ['0', '-1', '1.5', 'NaN', '', ' ', '0x10', '1_000', '9007199254740993', 'Infinity'],
    ],
    ['bounded integer', values.integerFrom(1, 9), ['10']],
    ['number', values.numberFrom(0), ['-0.1', 'NaN', 'Infinity', '1,5', 'two', '']],
    ['share', values.share, ['0', '1.01', 'NaN', '']],
    ['choice temperature', values.choiceTemperature, ['-1', '1,2,3', '1,', 'a,b', '', 'NaN,0']],
    ['number in [0, 1]', values.unitInterval, ['-0.1', '1.01', 'NaN', '']],
    ['box', values.box, ['0,0,1', '0,0,0,1', '0,0,1,-1', '0,0,1.5,1', '0,0,1,1,1', ',,,', 'a', '', '0 0 1 1']],
    ['interval', values.interval, ['1,0.5', '0', '0,1,1', '0,1.1', '-0.1,1', ',']],
  ])('refuse what is no %s', (_, parse, texts) => {
    for (const text of texts) expect(() => parse(text), text).toThrow(InvalidArgumentError);
  });
});
