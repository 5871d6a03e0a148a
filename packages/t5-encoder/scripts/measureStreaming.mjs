// node scripts/measureStreaming.mjs [--preset xxl] [--device tensorflow] [--weights file|int8] [--dense]
//   [--only short|long|eight]… [--python path [--dtype bfloat16]…]
//
// Time per prompt and stage, and peak memory, of a streamed encoder on a synthetic checkpoint of real shapes at bf16, and of
// transformers on the same file beside it. Each runs in a process of its own. Not a part of CI: XXL takes minutes and, with
// --dense, 9.5 GB of disk.
import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { T5Tokenizer } from '../dist/index.js';
import { writeSyntheticT5 } from './syntheticT5.mjs';

const { values } = parseArgs({
  options: {
    preset: { type: 'string', default: 'xxl' },
    device: { type: 'string', default: 'tensorflow' },
    dense: { type: 'boolean', default: false },
    folder: { type: 'string' },
    weights: { type: 'string', default: 'file' },
    only: { type: 'string', multiple: true, default: ['short', 'long', 'eight'] },
    python: { type: 'string' },
    dtype: { type: 'string', multiple: true, default: ['bfloat16'] },
  },
});
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const say = (text) => process.stdout.write(`${text}\n`);
const run = (command, args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const lastLine = (output) => JSON.parse(output.trim().split('\n').at(-1));
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

const short = 'a smiling cat on a green background';
const long =
  'a photograph of an old wooden boat on a calm lake at dawn, mist over the water, mountains behind. '.repeat(3);
const batches = {
  short: [short],
  long: [long],
  eight: Array(4).fill([short, long]).flat(),
};
// Eight different ones: equal texts are computed once.
batches.eight = batches.eight.map((text, index) => `${index} ${text}`);

const folder = values.folder ?? (await mkdtemp(join(tmpdir(), 'muse-t5-')));
try {
  const tokenizer = await readFile(here('../../../internal/fixtures/t5/t5-tokenizer/tokenizer.json'), 'utf8');
  const sizeBytes = await writeSyntheticT5(folder, values.preset, { isDense: values.dense, tokenizer });
  say(`${values.preset}, bf16, ${(sizeBytes / 1e9).toFixed(2)} GB, ${values.dense ? 'random' : 'holes'}`);
  // Once before anyone is timed: both sides find the file in the system's cache, as on every prompt but a machine's first.
  for (const file of await readdir(folder)) for await (const _ of createReadStream(join(folder, file)));
  const reader = T5Tokenizer.fromTokenizerJson(tokenizer);
  for (const name of values.only) {
    const texts = batches[name];
    const [textsFile, idsFile, states] = ['texts.json', 'ids.json', 'states.bin'].map((file) => join(folder, file));
    await writeFile(textsFile, JSON.stringify(texts));
    await writeFile(idsFile, JSON.stringify(texts.map((text) => [...reader.encode(text, { maxLength: 64 })])));
    const ours = lastLine(
      run(process.execPath, [here('encodeOnce.mjs'), folder, values.device, values.weights, textsFile, states]),
    );
    const cpu = (ms) => `${seconds(ms)} of CPU`;
    const stages = Object.entries(ours.stages).map(
      ([stage, ms]) => `${stage} ${seconds(ms)}, ${cpu(ours.cpuStages[stage])}`,
    );
    say(`${name} (${ours.tokens} tokens)
  muse on ${ours.device}: open ${seconds(ours.openMs)}, tokenize ${seconds(ours.tokenizeMs)}, encode ${seconds(ours.encodeMs)}
    ${stages.join('; ')}
    peak ${ours.peakMb} MB, ${ours.beforeMb} of it before the model`);
    for (const dtype of values.python ? values.dtype : []) {
      const theirs = lastLine(run(values.python, [here('transformers_once.py'), folder, dtype, idsFile, states]));
      say(`  transformers ${dtype}, ${theirs.threads} threads: import ${seconds(theirs.import_ms)}
    load ${seconds(theirs.load_ms)}, ${cpu(theirs.cpu_load_ms)}; encode ${seconds(theirs.encode_ms)}, ${cpu(theirs.cpu_encode_ms)}
    peak ${theirs.peak_mb} MB; states differ by at most ${theirs.max_difference.toExponential(1)} (rms ${theirs.rms.toFixed(2)})`);
    }
  }
} finally {
  if (!values.folder) await rm(folder, { recursive: true });
}
