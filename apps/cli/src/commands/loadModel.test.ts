import { expect, it } from 'vitest';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { showLoading } from './loadModel.js';

/** What a terminal of 60 columns shows of an event. */
function shown(event: Parameters<typeof showLoading>[1]): string {
  const written: string[] = [];
  const err = (text: string) => void written.push(text.replace('\r\x1b[2K', ''));
  const io: Io = { err, out: err, isErrTerminal: true, isOutTerminal: true, columns: 60, env: {} };
  showLoading('@muse/model-emoji', event, new ProgressLine(io));
  return written.join('');
}

it('tells how far loading is before the names that a narrow terminal cuts', () => {
  const part = {
    name: 'org/model',
    file: 'super_res_transformer/model.safetensors',
    loaded: 5_801_784,
    total: 11_840_376,
  };
  const file = { ...part, progress: 49.9 };
  expect(shown({ ...file, status: 'progress' })).toBe('Loading: 49% of 11.8 MB, super res transformer of @muse/mod');
  expect(shown({ ...file, status: 'fetch' })).toBe('Downloading: 49% of 11.8 MB, super_res_transformer/model.sa');
});
