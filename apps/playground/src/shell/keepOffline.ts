/** Keeps the page for when there is no network; the built page only, and where browsers allow it. */
export async function keepOffline(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  await navigator.serviceWorker.register('./sw.js').catch(() => {
    // Private windows refuse: the page works all the same, with a network.
  });
}

/** Keeps the rest: called once the model is here, so that nobody downloads what they never use. */
export async function keepRest(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  (await navigator.serviceWorker.ready).active?.postMessage('keep-all');
}
