// What loading a full-size aMUSEd takes: node scripts/measureLoading.mjs [amused-256|amused-512] [device] [--folder path] [--steps n]
// [--images n] [--dtype name] [--count-only]
// Without a folder, one of the published shapes is made of sparse files (f16 zeros), which take no disk, in the temporary folder.
// Prints the weights on the device, and how far the process's memory went beyond them and what it had before; with --steps once
// more, after an image of so many steps, with the time of each and of the last step to the image. On webgpu also the most bytes of GPU
// buffers that there were at once, which is the same for every adapter. --count-only has the GPU compute one workgroup of each command, and
// reads zeros: the buffers are those of the whole, in a minute where a software driver takes ten.
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBackend } from '@muse/backend';
import { clipTextParameters, resolveClipTextConfig } from '@muse/clip-encoder';
import { resolveUViTConfig, uvitParameters } from '@muse/masked-transformer';
import { resolveVQModelConfig, vqganParameters } from '@muse/vqgan';
import { Muse } from '../dist/node/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    folder: { type: 'string' },
    steps: { type: 'string' },
    images: { type: 'string', default: '1' },
    dtype: { type: 'string', default: 'f32' },
    'count-only': { type: 'boolean', default: false },
  },
});
const [preset = 'amused-512', device = 'auto'] = positionals;
const { folder: given, dtype } = values;

const text = { model_type: 'clip_text_model', hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12 };
const textConfig = { ...text, projection_dim: 768, eos_token_id: 2 };
const blocks = (type) => new Array(5).fill(type);
const vqConfig = {
  _class_name: 'VQModel',
  block_out_channels: [128, 256, 256, 512, 768],
  down_block_types: blocks('DownEncoderBlock2D'),
  up_block_types: blocks('UpDecoderBlock2D'),
  layers_per_block: 2,
  latent_channels: 64,
  num_vq_embeddings: 8192,
  mid_block_add_attention: false,
  lookup_from_codebook: true,
};
const isLarge = preset === 'amused-512';
const netConfig = {
  _class_name: 'UVit2DModel',
  vocab_size: 8256,
  sample_size: isLarge ? 32 : 16,
  downsample: isLarge,
  upsample: isLarge,
};

const seconds = (ms) => Math.round(ms / 100) / 10;

/** Sizes in MB of 10⁶ bytes, from the system. */
async function memory() {
  const status = await readFile('/proc/self/status', 'utf8');
  const megabytes = (name) => Math.round((Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) * 1024) / 1e6);
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}

/** Bytes of the GPU buffers from now on: those that there are, and the most. */
function countBuffers(device) {
  const count = { now: 0, peak: 0 };
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    const { size } = buffer;
    let isCounted = true;
    count.now += size;
    count.peak = Math.max(count.peak, count.now);
    const { destroy } = buffer;
    buffer.destroy = () => {
      if (isCounted) count.now -= size;
      isCounted = false;
      destroy.call(buffer);
    };
    return buffer;
  };
  return count;
}

/** One workgroup of each command, and zeros for values. */
function computeLittle(tfjs) {
  const { device } = tfjs;
  const { createCommandEncoder } = device;
  device.createCommandEncoder = (descriptor) => {
    const encoder = createCommandEncoder.call(device, descriptor);
    const { beginComputePass } = encoder;
    encoder.beginComputePass = (passDescriptor) => {
      const pass = beginComputePass.call(encoder, passDescriptor);
      const { dispatchWorkgroups } = pass;
      pass.dispatchWorkgroups = () => dispatchWorkgroups.call(pass, 1, 1, 1);
      return pass;
    };
    return encoder;
  };
  const { read } = tfjs;
  Object.getPrototypeOf(tfjs).read = async function (dataId) {
    const values = await read.call(this, dataId);
    return new values.constructor(values.length);
  };
}

/** What packed weights take less than tfjs says, which has them for f32. */
function savedBytes() {
  const bytes = { f16: 2, w16a16: 2, bf16: 2, q8: 1, w8a8: 1 }[dtype] ?? 4;
  const texts = dtype === 'bf16' ? clipTextParameters(resolveClipTextConfig(textConfig)) : [];
  const specs = [...uvitParameters(resolveUViTConfig(netConfig)), ...texts];
  const packed = specs.filter(({ layout, shape }) => layout === 'linear' && shape[0] % 4 === 0);
  return packed.reduce((sum, { shape: [outSize, inSize] }) => sum + outSize * inSize * (4 - bytes), 0);
}

async function writeSparse(path, specs) {
  let end = 0;
  const header = {};
  for (const { name, shape } of specs) {
    const start = end;
    end += 2 * shape.reduce((size, side) => size * side, 1);
    header[name] = { dtype: 'F16', shape, data_offsets: [start, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  const file = await open(path, 'w');
  await file.write(Buffer.concat([size, json]));
  await file.truncate(8 + json.length + end);
  await file.close();
}

async function makeFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'muse-full-'));
  const write = async (path, json) => writeFile(join(folder, path), JSON.stringify(json));
  for (const name of ['text_encoder', 'tokenizer', 'transformer', 'vqvae', 'scheduler'])
    await mkdir(join(folder, name));
  await write('model_index.json', {
    _class_name: 'AmusedPipeline',
    scheduler: ['diffusers', 'AmusedScheduler'],
    text_encoder: ['transformers', 'CLIPTextModelWithProjection'],
    tokenizer: ['transformers', 'CLIPTokenizer'],
    transformer: ['diffusers', 'UVit2DModel'],
    vqvae: ['diffusers', 'VQModel'],
  });
  await write('scheduler/scheduler_config.json', { mask_token_id: 8255 });
  await write('tokenizer/vocab.json', { 'a</w>': 320, '<|startoftext|>': 49406, '<|endoftext|>': 49407 });
  await writeFile(join(folder, 'tokenizer/merges.txt'), '#version: 0.2\n');
  await write('tokenizer/tokenizer_config.json', { model_max_length: 77 });
  await write('text_encoder/config.json', textConfig);
  await write('transformer/config.json', netConfig);
  await write('vqvae/config.json', vqConfig);
  await writeSparse(
    join(folder, 'text_encoder/model.safetensors'),
    clipTextParameters(resolveClipTextConfig(textConfig)),
  );
  const weights = 'diffusion_pytorch_model.safetensors';
  await writeSparse(join(folder, 'transformer', weights), uvitParameters(resolveUViTConfig(netConfig)));
  await writeSparse(join(folder, 'vqvae', weights), vqganParameters(resolveVQModelConfig(vqConfig)));
  return folder;
}

const folder = given ?? (await makeFolder());
let before;
const startMs = performance.now();
try {
  const backend = await createBackend({ device, dtype });
  const buffers = backend.name === 'webgpu' ? countBuffers(backend.tf.backend().device) : undefined;
  if (buffers && values['count-only']) computeLittle(backend.tf.backend());
  const muse = await Muse.fromPretrained(folder, {
    backend,
    onProgress: async ({ status }) => {
      if (status === 'device') before = await memory();
    },
  });
  const weightsMB = Math.round((backend.tf.memory().numBytes - savedBytes()) / 1e6);
  const print = async (figures) => {
    const { peak } = await memory();
    const sizes = { weightsMB, beforeMB: before.now, peakMB: peak, besideMB: peak - before.now - weightsMB };
    if (buffers) sizes.buffersBesideMB = Math.round(buffers.peak / 1e6) - weightsMB;
    process.stdout.write(`${JSON.stringify({ model: muse.index.name, device: backend.name, ...sizes, ...figures })}\n`);
  };
  await print({ loadSeconds: seconds(performance.now() - startMs) });
  if (values.steps !== undefined) {
    const times = [performance.now()];
    const onStep = () => times.push(performance.now());
    const count = Number(values.images);
    await muse.generate({ prompt: 'a', seed: 1, count, numSteps: Number(values.steps), onStep });
    times.push(performance.now());
    const stepSeconds = times.slice(1).map((time, index) => seconds(time - times[index]));
    await print({ decodeSeconds: stepSeconds.pop(), stepSeconds });
  }
} catch (error) {
  process.stdout.write(`${error.message}\n`);
} finally {
  if (given === undefined) await rm(folder, { recursive: true });
}
process.exit(0);
