// Times the stages from a prompt to pixels, cold and warm, with the peak memory after each. Args: device, model folder.
import { report } from './startDevice.mjs';

const [device, model] = process.argv.slice(2);
/** A picture that takes longer is made once. */
const SLOW_MS = 30_000;

const peakMb = () => Math.round(process.resourceUsage().maxRSS / 1024);
async function stage(name, work) {
  const start = performance.now();
  const result = await work();
  const ms = Math.round((performance.now() - start) * 10) / 10;
  report({ stage: name, ms, peakMb: peakMb() });
  return { result, ms };
}

const { createBackend } = (await stage('import', () => import('@muse/backend'))).result;
const backend = (await stage('device', () => createBackend({ device }))).result;
const { Muse } = await import('@muse/muse/node');
const muse = (await stage('load', () => Muse.fromPretrained(model, { backend }))).result;
const prompt = 'a smiling cat, 3D style';
/** Every step is a sign of life. */
const onStep = ({ step }) => report({ step });
const cold = await stage('generate (cold)', () => muse.generate({ prompt, seed: 1, onStep }));
if (cold.ms < SLOW_MS) await stage('generate (warm)', () => muse.generate({ prompt, seed: 2, onStep }));
await stage('text', () => muse.encodeText(prompt));
const last = muse.hasSuperRes ? 'super-res' : 'base';
await stage('pixels', () => muse.decodeTokens(cold.result[0].tokenIds, undefined, last));
process.exit(0);
