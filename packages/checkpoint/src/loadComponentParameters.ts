import type { Backend } from '@muse/backend';
import type { Checkpoint } from './checkpoint.js';
import { type LoadParametersOptions, loadParameters } from './loadParameters.js';
import type { ModelComponent } from './modelFolder.js';
import type { ParameterSpec, Parameters } from './parameters.js';

export interface LoadComponentParametersOptions extends LoadParametersOptions {
  /** What is taken of the file where it is not all of it as it stands: other names, a part. */
  readonly view?: (checkpoint: Checkpoint) => Checkpoint;
}

/**
 * Loads the tensors of a model folder's component, as {@link loadParameters} does; its file is closed in any case. The caller
 * owns the result.
 *
 * @throws WeightError as `loadParameters`, and for a component without weights
 */
export async function loadComponentParameters(
  backend: Backend,
  component: ModelComponent,
  specs: readonly ParameterSpec[],
  { view = (checkpoint) => checkpoint, ...options }: LoadComponentParametersOptions = {},
): Promise<Parameters> {
  const checkpoint = await component.checkpoint();
  try {
    return await loadParameters(backend, view(checkpoint), specs, options);
  } finally {
    await checkpoint.close();
  }
}
