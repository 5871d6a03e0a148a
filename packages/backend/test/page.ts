import { type Backend, createBackend, type DeviceName } from '../src/index.js';
import type { ConformanceCase } from './conformanceCase.js';
import { conformanceCases } from './conformanceCases.js';

/** What the page does for browser.test.ts: a device with its cases, run by their names. */
export interface ConformancePage {
  /** @returns what the device is */
  start(device: DeviceName): Promise<string>;
  /** Rejects with what differs, or with what the device says. @returns what the device lacks for it, if it does */
  run(name: string): Promise<string | undefined>;
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
};
Object.assign(globalThis, { conformance });
