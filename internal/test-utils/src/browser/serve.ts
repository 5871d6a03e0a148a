import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface StaticServer {
  /** Ends in `/`. */
  readonly url: string;
  /** Paths that were asked for. */
  readonly requests: string[];
  /** The connection breaks in the middle of files whose path ends so. */
  cut: string | undefined;
  close(): Promise<void>;
}

/** A plain static host: files of a folder under a base path, and headers. */
export async function serve(
  folder: string,
  headers: Record<string, string> = {},
  base = '/some/where/',
): Promise<StaticServer> {
  const requests: string[] = [];
  const state: { cut: string | undefined } = { cut: undefined };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    requests.push(pathname);
    const inner = pathname.startsWith(base) ? pathname.slice(base.length) : undefined;
    const file = inner === undefined ? undefined : join(folder, inner === '' ? 'index.html' : inner);
    if (!file?.startsWith(folder) || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'content-length': statSync(file).size,
      ...headers,
    });
    if (state.cut === undefined || !file.endsWith(state.cut)) createReadStream(file).pipe(response);
    else
      createReadStream(file, { end: statSync(file).size >> 1 })
        .on('end', () => response.destroy())
        .pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}${base}`,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}
