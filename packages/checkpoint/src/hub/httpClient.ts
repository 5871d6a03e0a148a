import { WeightError } from '@muse/backend';
import type { HubProgress } from './progress.js';

export interface HttpOptions {
  /** For messages: the model or the URL that is asked for. */
  readonly name: string;
  readonly fetch?: typeof fetch;
  /** Sent to `tokenOrigin` only. */
  readonly token?: string;
  readonly tokenOrigin?: string;
  readonly onProgress?: (progress: HubProgress) => void;
  readonly signal?: AbortSignal;
  /** How often a request is tried. Default 5. */
  readonly maxAttempts?: number;
  /** Wait before the second attempt; it doubles with each. Default 500. */
  readonly retryDelayMs?: number;
  /** Silence after which a connection is given up. Default 30,000. */
  readonly stallMs?: number;
}

/** Longest wait that a server's Retry-After is granted: the hub counts requests over five minutes. */
const MAX_WAIT_MS = 5 * 60_000;
const MAX_BACKOFF_MS = 20_000;

export interface HttpProblem {
  /** Undefined when nothing came at all. */
  readonly status?: number;
  /** The hub's own word for it: RepoNotFound, EntryNotFound, GatedRepo, … */
  readonly errorCode?: string;
  /** As long as the server asks to wait. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A request without a good answer. */
export class HttpError extends WeightError {
  readonly status: number | undefined;
  readonly errorCode: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    name: string,
    readonly problem: string,
    { status, errorCode, retryAfterMs, cause }: HttpProblem = {},
  ) {
    super({ package: 'checkpoint', in: 'download' }, `${name}: ${problem}`, { cause });
    this.status = status;
    this.errorCode = errorCode;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Requests that are tried again where that can help: no answer, 408, 429, 5xx. */
export class HttpClient {
  readonly maxAttempts: number;
  readonly stallMs: number;

  constructor(readonly options: HttpOptions) {
    this.maxAttempts = options.maxAttempts ?? 5;
    this.stallMs = options.stallMs ?? 30_000;
  }

  /**
   * The answer to a request, its body unread.
   *
   * @throws HttpError for any status that is no success and for silence; the signal's reason
   */
  async request(url: string, init: { method?: string; headers?: Record<string, string> } = {}): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const error = await this.attempt(url, init);
      if (error instanceof Response) return error;
      if (attempt >= this.maxAttempts || !isWorthRetrying(error)) throw error;
      await this.waitToRetry(attempt, error.problem, error.retryAfterMs);
    }
  }

  /** Waits before another attempt. */
  async waitToRetry(attempt: number, reason: string, delayMs?: number): Promise<void> {
    const { name, onProgress, signal, retryDelayMs = 500 } = this.options;
    const backoffMs = Math.min(MAX_BACKOFF_MS, retryDelayMs * 2 ** (attempt - 1));
    const waitMs = delayMs ?? backoffMs;
    onProgress?.({ status: 'retry', name, reason, delayMs: waitMs });
    await sleep(waitMs, signal);
  }

  error(problem: string, details?: HttpProblem): HttpError {
    return new HttpError(this.options.name, problem, details);
  }

  private async attempt(url: string, init: { method?: string; headers?: Record<string, string> }) {
    const { signal, token, tokenOrigin, name } = this.options;
    signal?.throwIfAborted();
    const headers = { ...init.headers };
    if (token !== undefined && new URL(url).origin === tokenOrigin) headers.Authorization = `Bearer ${token}`;
    const stalled = new AbortController();
    const timer = setTimeout(() => stalled.abort(), this.stallMs);
    try {
      const answer = await (this.options.fetch ?? fetch)(url, {
        ...init,
        headers,
        signal: signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal,
      });
      if (answer.ok) return answer;
      await answer.body?.cancel();
      return statusError(name, url, answer, token !== undefined);
    } catch (cause) {
      signal?.throwIfAborted();
      const got = stalled.signal.aborted ? `nothing for ${this.stallMs / 1000} s` : networkReason(cause);
      return this.error(`expected an answer of ${new URL(url).host}, got ${got}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

function isWorthRetrying({ status, retryAfterMs = 0 }: HttpError): boolean {
  if (retryAfterMs > MAX_WAIT_MS) return false;
  return status === undefined || status === 408 || status === 429 || (status >= 500 && status !== 501);
}

function statusError(name: string, url: string, answer: Response, hasToken: boolean): HttpError {
  const { status } = answer;
  const errorCode = answer.headers.get('X-Error-Code') ?? undefined;
  const words = `${status}${statusWords[status] ? ` (${statusWords[status]})` : ''}`;
  const retryAfterMs = parseRetryAfter(answer.headers.get('Retry-After'));
  let help = '';
  if (status === 401) {
    help = `: there is no such model, or ${hasToken ? 'the token is not accepted' : 'it is private: set HF_TOKEN, or give a token'}`;
  } else if (status === 403) {
    help = errorCode === 'GatedRepo' ? ': accept its terms on its page first' : ': this account has no access';
  } else if (retryAfterMs !== undefined && retryAfterMs > MAX_WAIT_MS) {
    help = `: try again in ${Math.ceil(retryAfterMs / 60_000)} minutes`;
  }
  return new HttpError(name, `expected an answer, got ${words} for ${withoutQuery(url)}${help}`, {
    status,
    errorCode,
    retryAfterMs,
  });
}

const statusWords: Record<number, string> = {
  401: 'not authorised',
  403: 'forbidden',
  404: 'not found',
  408: 'timeout',
  410: 'gone',
  416: 'no such range',
  429: 'too many requests',
  500: 'server error',
  502: 'bad gateway',
  503: 'unavailable',
  504: 'gateway timeout',
};

/** Retry-After is seconds or a date. */
function parseRetryAfter(text: string | null): number | undefined {
  if (text === null || text.trim() === '') return undefined;
  const ms = /^\d+$/.test(text.trim()) ? 1000 * Number(text) : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Signatures in a query are nobody's business. */
function withoutQuery(url: string): string {
  return url.replace(/\?.*$/, '');
}

/** What went wrong under a failed fetch, in words. */
export function networkReason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const words = networkReasons[code];
  if (words) return `${words} (${code})`;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

const networkReasons: Record<string, string> = {
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'no answer of the name server',
  ECONNREFUSED: 'a refused connection',
  ECONNRESET: 'a cut connection',
  UND_ERR_SOCKET: 'a cut connection',
  ETIMEDOUT: 'no answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'no answer in time',
  CERT_HAS_EXPIRED: 'an expired certificate',
};

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
