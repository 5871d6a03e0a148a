import type { LoadProgress, Muse } from '@muse/muse';
import { byteSize } from '../terminal/duration.js';
import type { ProgressLine } from '../terminal/progressLine.js';
import { defaultModel } from '../values.js';
import type { ModelFlags } from './modelFlags.js';

export interface LoadModelOptions extends ModelFlags {
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
}

/** Loads a model by path or package name, with progress. The caller disposes it. */
export async function loadModel(options: LoadModelOptions): Promise<Muse> {
  const { model = defaultModel, device = 'auto', signal, progress } = options;
  progress.update(`Loading ${model} …`);
  const { Muse } = await import('@muse/muse');
  return Muse.fromPretrained(model, {
    device,
    signal,
    resolveFrom: import.meta.url,
    onProgress: (event) => show(model, event, progress),
  });
}

function show(model: string, event: LoadProgress, progress: ProgressLine): void {
  if (event.status === 'device') progress.line(`Device ${event.device} (${event.reason})`);
  if (event.status === 'progress' && event.file.endsWith('.safetensors')) {
    const part = event.file.split('/')[0]!.replace('_', ' ');
    const percent = Math.floor(event.progress);
    progress.update(`Loading ${model}: ${part}, ${percent}% of ${byteSize(event.total)}`);
  }
}
