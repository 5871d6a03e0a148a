import type { Problem } from '../state/state.ts';

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/**
 * The GPU went away: a driver that was restarted, a laptop that slept, another page that broke it. In the library's words,
 * or in Chromium's, when nobody was told of the loss.
 */
export function isDeviceLoss(error: unknown): boolean {
  return (
    error instanceof Error &&
    /GPU was lost|device (is|was) lost|external Instance reference no longer exists/i.test(error.message)
  );
}

/** The worker itself ended, most often for want of memory. */
export function isWorkerLoss(error: unknown): boolean {
  return error instanceof Error && /expected a worker that runs/.test(error.message);
}

/** In the words of browsers, WebAssembly, WebGPU, and of the library for what can't fit. */
function isMemory(message: string): boolean {
  return /out of memory|\bOOM\b|memory access out of bounds|maximum memory size|allocation failed|Invalid typed array length|maxBufferSize|exceeds the max|could not allocate|takes at most .* on the device/i.test(
    message,
  );
}

/** What is said and advised for an error. */
export function problemOf(error: unknown): Problem {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const detail = message;
  if (/its script did not load/.test(message)) {
    const advice =
      'Check the connection and press the button again. Once a model was loaded, the page works without one.';
    return { title: 'A part of the page could not be downloaded.', advice, detail };
  }
  if (isMemory(message)) {
    const advice = 'Close other pages, make fewer images at a time, or choose a smaller model under Models.';
    return { title: 'There is not enough memory.', advice, detail };
  }
  if (/are you offline\?|no answer|expected an answer of|Failed to fetch|network/i.test(message)) {
    const advice = 'Check the connection and press the button again. What was downloaded before is kept.';
    return { title: 'The model could not be downloaded.', advice, detail };
  }
  if (/no such model/.test(message)) {
    const advice = 'Check its name: org/name, as on the hub. Of a private one, download the folder and open that.';
    return { title: 'The hub shows no such model.', advice, detail };
  }
  if (/accept its terms|no access/.test(message)) {
    const advice = 'Accept its terms on its page on the hub, download the folder, and open that.';
    return { title: 'The hub does not give out this model as it is asked.', advice, detail };
  }
  if (name === 'UnsupportedBackendError') {
    return { title: 'This device can’t be had here.', advice: 'Choose “automatic” under Models.', detail };
  }
  if (name === 'WeightError') {
    const advice = 'Choose a folder with a model_index.json, or the bundled model, under Models.';
    return { title: 'These files are no model that can be used.', advice, detail };
  }
  if (name === 'ConfigError' || name === 'ImageError') {
    return { title: 'That does not work as it is set.', advice: plain(message), detail };
  }
  if (isWorkerLoss(error)) {
    const advice =
      'Your settings and results are still here. Press the button to start again; if it stops again, choose a smaller model under Models.';
    return { title: 'The computation stopped.', advice, detail };
  }
  return { title: 'Something went wrong.', advice: 'Your settings and results are still here: try again.', detail };
}

/** A library's message for people: without its place, the first letter large. */
function plain(message: string): string {
  const text = message.replace(/^\[[^\]]+\] [^:]+: /, '');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
