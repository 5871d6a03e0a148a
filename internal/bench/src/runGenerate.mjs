// Times the stages from a prompt to pixels, cold and warm, with the peak memory after each. Arg: device.
const [device, model] = process.argv.slice(2);
const stages = {};
const peakMb = () => Math.round(process.resourceUsage().maxRSS / 1024);
async function stage(name, work) {
  const start = performance.now();
  const result = await work();
  stages[name] = { ms: Math.round((performance.now() - start) * 10) / 10, peakMb: peakMb() };
  return result;
}

const { createBackend } = await stage('import', () => import('@muse/backend'));
const backend = await stage('device', () => createBackend({ device }));
const { Muse } = await import('@muse/muse/node');
const muse = await stage('load', () => Muse.fromPretrained(model, { backend }));
const prompt = 'a smiling cat, 3D style';
const image = await stage('generate (cold)', async () => (await muse.generate({ prompt, seed: 1 }))[0]);
await stage('generate (warm)', () => muse.generate({ prompt, seed: 2 }));
await stage('text', () => muse.encodeText(prompt));
await stage('pixels', () => muse.decodeTokens(image.tokenIds));
process.stdout.write(`${JSON.stringify(stages)}\n`);
process.exit(0);
