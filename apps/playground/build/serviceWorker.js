// The page without a network. What a visitor first sees is kept at once; what the model needs, when it was loaded and the
// page says so. Names hold hashes of their content, so what is kept never ages; a new version of the page has a new cache
// and drops the old one.
const CACHE = 'muse-page-__VERSION__';
const SHELL = __SHELL__;
const REST = __REST__;

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(SHELL))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('message', (event) => {
  if (event.data === 'keep-all') event.waitUntil(caches.open(CACHE).then(keepRest));
});

/** One by one and only what is missing: a broken download leaves the others. */
async function keepRest(cache) {
  for (const file of REST) if (!(await cache.match(file))) await cache.add(file);
}

self.addEventListener('activate', (event) => {
  const isOld = (name) => name.startsWith('muse-page-') && name !== CACHE;
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { scope } = self.registration;
  if (request.method !== 'GET' || !request.url.startsWith(scope)) return;
  // Models are kept by who loads them.
  if (request.url.startsWith(`${scope}models/`)) return;
  event.respondWith(answer(request));
});

/** The page itself from the network while there is one, so that new versions arrive; all else as it is kept. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (request.mode !== 'navigate') return kept ?? fetch(request);
  try {
    return await fetch(request);
  } catch (error) {
    const page = kept ?? (await cache.match('./'));
    if (page) return page;
    throw error;
  }
}
