import type { Tensor2D } from '@tensorflow/tfjs';
import { type Backend, createBackend, type DeviceName } from '../src/index.js';
import type { ConformanceCase } from './conformanceCase.js';
import { conformanceCases } from './conformanceCases.js';

/** The part of the page's caches that is asked here. */
declare const caches: {
  open(name: string): Promise<{
    keys(): Promise<readonly Request[]>;
    match(request: Request): Promise<Response | undefined>;
  }>;
};

/** What the page does for browser.test.ts: a device with its cases, run by their names. */
export interface ConformancePage {
  /** @returns what the device is */
  start(device: DeviceName): Promise<string>;
  /** Rejects with what differs, or with what the device says. @returns what the device lacks for it, if it does */
  run(name: string): Promise<string | undefined>;
  /** Captures a product of 67 × 21 × 29 with tuning, in a page where no device has started. @returns what its cache keeps of it */
  tune(): Promise<string | undefined>;
}

let backend: Backend;
let cases: ReadonlyMap<string, ConformanceCase>;

const conformance: ConformancePage = {
  async start(device) {
    const [json, safetensors] = await Promise.all([fetch('ops.json'), fetch('ops.safetensors')]);
    const goldens = { json: await json.text(), safetensors: new Uint8Array(await safetensors.arrayBuffer()) };
    cases = new Map(conformanceCases(device, goldens).map((one) => [one.name, one]));
    backend = await createBackend({ device, wasmFolder: './' });
    return backend.capabilities.description;
  },

  async run(name) {
    const one = cases.get(name)!;
    const missing = one.missing?.(backend);
    if (missing) return missing;
    await one.run(backend);
    await backend.checkErrors();
    return undefined;
  },

  async tune() {
    const tuned = await createBackend({ device: 'webgpu', autotune: true });
    const { tf, ops } = tuned;
    const [x, weight] = [tf.ones([67, 21]), tf.ones([21, 29]) as Tensor2D];
    const plan = await tuned.capture((rows) => ops.linear(rows, weight), [x]);
    plan.dispose();
    tf.dispose([x, weight]);
    await tuned.dispose();
    const cache = await caches.open('muse');
    const [request] = await cache.keys();
    return request && (await cache.match(request))?.text();
  },
};
Object.assign(globalThis, { conformance });
