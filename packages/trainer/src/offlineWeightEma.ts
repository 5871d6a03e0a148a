import { type Backend, ConfigError } from '@muse/backend';
import { loadParameters, memorySource, openCheckpoint, type ParameterSpec, type Parameters } from '@muse/checkpoint';
import { checkpointName, listCheckpoints } from './run/checkpoints.js';
import type { RunFolder } from './run/runFolder.js';
import { updateWeightEma } from './weightEma.js';

export interface OfflineEmaOptions {
  readonly backend: Backend;
  readonly run: RunFolder;
  /** Group of the checkpoints: `vqgan` or `base`. */
  readonly group: string;
  readonly specs: readonly ParameterSpec[];
  /** Default 0.7, the paper's, for checkpoints 5,000 steps apart. */
  readonly decay?: number;
}

/**
 * The paper's running mean of the weights, made after training from the checkpoints that were kept (arXiv 2301.00704,
 * section 2.6): ema ← decay·ema + (1 − decay)·checkpoint, from the oldest to the newest. Needs `keepEvery`.
 *
 * @returns owned by the caller
 * @throws ConfigError if the run has no checkpoint
 */
export async function offlineWeightEma(options: OfflineEmaOptions): Promise<Parameters> {
  const { backend, run, group, specs, decay = 0.7 } = options;
  let ema: Parameters | undefined;
  for (const step of await listCheckpoints(run)) {
    const path = `checkpoints/${checkpointName(step)}/${group}.safetensors`;
    const checkpoint = await openCheckpoint(memorySource(path, await run.read(path)));
    const parameters = await loadParameters(backend, checkpoint, specs);
    await checkpoint.close();
    if (ema) {
      updateWeightEma(backend, ema, parameters, decay);
      backend.tf.dispose([...parameters.values()]);
    } else {
      ema = parameters;
    }
  }
  if (!ema) {
    const place = { package: 'trainer', in: 'offlineWeightEma' };
    throw new ConfigError(place, `expected checkpoints in ${run.location}, got none`);
  }
  return ema;
}
