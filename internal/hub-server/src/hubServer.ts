import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type HubModel, type ServedFile, type ServedModel, serveModel } from './hubModel.js';

/** What goes wrong with one answer. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The connection breaks after this many bytes of the body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The body ends too early, as if that were all. */
  | { readonly kind: 'short'; readonly bytes: number }
  /** One bit of the body is another. */
  | { readonly kind: 'corrupt' }
  /** Bytes that belong to another offset. */
  | { readonly kind: 'wrongRange' }
  /** The whole file in answer to a range. */
  | { readonly kind: 'noRanges' }
  /** No byte after this many, and no end. */
  | { readonly kind: 'stall'; readonly afterBytes: number };

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Of the second host, which has the large files. */
  readonly isCdn: boolean;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface HubServer {
  readonly url: string;
  /** All requests so far. */
  readonly requests: SeenRequest[];
  /** Asked for each request; undefined lets it through. */
  fault: (request: SeenRequest) => Fault | undefined;
  commitOf(id: string): string;
  close(): Promise<void>;
}

/** A hub on this machine: API and small files on one port, large files on another, as the real one's CDN. */
export async function startHubServer(models: Readonly<Record<string, HubModel>>, pageSize = 1000): Promise<HubServer> {
  const served = new Map(Object.entries(models).map(([id, model]) => [id, serveModel(model)]));
  const requests: SeenRequest[] = [];
  const state = { fault: (_: SeenRequest): Fault | undefined => undefined };
  const see = (request: IncomingMessage, isCdn: boolean): Fault | undefined => {
    const { range, authorization } = request.headers;
    const seen = { method: request.method ?? '', url: request.url ?? '', isCdn, range, authorization };
    requests.push(seen);
    return state.fault(seen);
  };
  const cdn = await listen((request, response) => {
    const fault = see(request, true);
    const sha256 = new URL(request.url ?? '', 'http://cdn').pathname.slice('/blobs/'.length);
    for (const model of served.values()) {
      for (const file of model.served.values()) {
        if (file.sha256 === sha256) return sendFile(request, response, file, fault);
      }
    }
    return sendError(response, 404);
  });
  const hub = await listen((request, response) => {
    const fault = see(request, false);
    if (fault?.kind === 'status') return sendError(response, fault.status, fault.headers);
    const url = new URL(request.url ?? '', hubUrl);
    const [, id = '', rest = ''] =
      /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    const model = served.get(id);
    const denied = deny(model, request);
    if (!model || denied) return sendError(response, denied?.status ?? 404, denied?.headers);
    const [verb, revision, path] = parseRest(rest, [model.commit, 'main', ...(model.refs ?? [])]);
    if (revision === undefined) return sendError(response, 404, { 'X-Error-Code': 'RevisionNotFound' });
    if (verb === 'revision') return sendJson(response, modelInfo(id, model));
    if (verb === 'tree') return sendTree(response, url, model, pageSize);
    const file = model.served.get(path ?? '');
    if (!file) return sendError(response, 404, { 'X-Error-Code': 'EntryNotFound' });
    response.setHeader('X-Repo-Commit', model.commit);
    if (file.sha256 === undefined) return sendFile(request, response, file, fault);
    response.writeHead(302, {
      Location: `${cdnUrl}/blobs/${file.sha256}?Signature=secret`,
      'X-Linked-Size': file.bytes.length,
      'X-Linked-ETag': `"${file.sha256}"`,
    });
    response.end();
  });
  const [hubUrl, cdnUrl] = [addressOf(hub), addressOf(cdn)];
  return {
    url: hubUrl,
    requests,
    get fault() {
      return state.fault;
    },
    set fault(fault) {
      state.fault = fault;
    },
    commitOf: (id) => served.get(id)!.commit,
    close: async () => {
      for (const server of [hub, cdn]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

/** As the hub does it: who has no token may not know whether a model is there. */
function deny(
  model: ServedModel | undefined,
  { headers }: IncomingMessage,
): { status: number; headers: Record<string, string> } | undefined {
  const isAnonymous = headers.authorization === undefined;
  if (!model) return { status: isAnonymous ? 401 : 404, headers: { 'X-Error-Code': 'RepoNotFound' } };
  if (model.token !== undefined && headers.authorization !== `Bearer ${model.token}`) {
    return { status: 401, headers: {} };
  }
  return model.isGated ? { status: 403, headers: { 'X-Error-Code': 'GatedRepo' } } : undefined;
}

function parseRest(rest: string, revisions: readonly string[]): [verb: string, revision?: string, path?: string] {
  const slash = rest.indexOf('/');
  const verb = rest.slice(0, slash);
  const tail = rest.slice(slash + 1);
  const revision = revisions.find((name) => tail === name || tail.startsWith(`${name}/`));
  return revision === undefined ? [verb] : [verb, revision, tail.slice(revision.length + 1)];
}

function modelInfo(id: string, model: ServedModel) {
  const siblings = [...model.served.keys()].map((rfilename) => ({ rfilename }));
  return { _id: '0', id, sha: model.commit, private: false, gated: false, downloads: 0, likes: 0, tags: [], siblings };
}

function sendTree(response: ServerResponse, url: URL, model: ServedModel, pageSize: number): void {
  const start = Number(url.searchParams.get('cursor') ?? 0);
  const entries = [...model.served.values()].map(({ path, bytes, gitHash, sha256 }) => ({
    type: 'file',
    path,
    size: bytes.length,
    oid: gitHash,
    ...(sha256 && { lfs: { oid: sha256, size: bytes.length, pointerSize: 130 } }),
  }));
  if (start + pageSize < entries.length) {
    url.searchParams.set('cursor', String(start + pageSize));
    response.setHeader('Link', `<${url}>; rel="next"`);
  }
  sendJson(response, entries.slice(start, start + pageSize));
}

function sendJson(response: ServerResponse, json: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(json));
}

function sendError(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, headers);
  response.end();
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: ServedFile,
  fault: Fault | undefined,
): void {
  if (fault?.kind === 'status') {
    sendError(response, fault.status, fault.headers);
    return;
  }
  const total = file.bytes.length;
  response.setHeader('ETag', `"${file.sha256 ?? file.gitHash}"`);
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const isRange = first !== undefined && fault?.kind !== 'noRanges';
  const begin = isRange ? Number(first) : 0;
  const end = isRange && last ? Math.min(total, Number(last) + 1) : total;
  if (isRange && begin >= total) {
    sendError(response, 416, { 'Content-Range': `bytes */${total}` });
    return;
  }
  let body = file.bytes.slice(begin, end);
  if (isRange) {
    const shift = fault?.kind === 'wrongRange' ? 1 : 0;
    response.setHeader('Content-Range', `bytes ${begin + shift}-${end + shift - 1}/${total}`);
  }
  if (fault?.kind === 'corrupt') body[body.length >> 1]! ^= 1;
  if (fault?.kind === 'short') body = body.slice(0, fault.bytes);
  // Of unknown length, so that an early end looks like one.
  else response.setHeader('Content-Length', body.length);
  response.writeHead(isRange ? 206 : 200);
  if (fault?.kind !== 'cut' && fault?.kind !== 'stall') {
    response.end(request.method === 'HEAD' ? undefined : body);
    return;
  }
  response.write(body.slice(0, fault.afterBytes), () => {
    // The bytes are on their way before the connection breaks.
    if (fault.kind === 'cut') setTimeout(() => response.destroy(), 20);
  });
}

/** For pages of other origins, as the hub has it. */
const corsHeaders = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'X-Repo-Commit, X-Error-Code, ETag, Link, Accept-Ranges, Content-Range',
};

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(corsHeaders)) response.setHeader(name, value);
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
