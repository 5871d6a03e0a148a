import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { HasherFactory } from '../../hub/hash.js';
import { HUB_ENDPOINT } from '../../hub/hubFolder.js';

/** What the environment says of the hub, in huggingface_hub's variables. */
export interface HubEnvironment {
  /** HF_HUB_CACHE, else `hub` in HF_HOME. */
  readonly cacheDir: string;
  /** Where libraries keep what is none of the hub's: HF_ASSETS_CACHE, else `assets` in HF_HOME. */
  readonly assetsDir: string;
  /** HF_TOKEN, else the token that `hf auth login` left in HF_TOKEN_PATH or HF_HOME. */
  readonly token: string | undefined;
  /** HF_ENDPOINT. */
  readonly endpoint: string;
  /** HF_HUB_OFFLINE, or TRANSFORMERS_OFFLINE. */
  readonly offline: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the environment as huggingface_hub 2.4 does. */
export function hubEnvironment(env: Variables = process.env): HubEnvironment {
  const home = expand(env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface'), env);
  const cacheDir = env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE ?? join(home, 'hub');
  const assetsDir = env.HF_ASSETS_CACHE ?? env.HUGGINGFACE_ASSETS_CACHE ?? join(home, 'assets');
  return {
    cacheDir: expand(cacheDir, env),
    assetsDir: expand(assetsDir, env),
    token: findToken(env, expand(env.HF_TOKEN_PATH ?? join(home, 'token'), env)),
    endpoint: env.HF_ENDPOINT || HUB_ENDPOINT,
    offline: isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
  };
}

function findToken(env: Variables, path: string): string | undefined {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const token = (env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN)?.trim();
  if (token) return token;
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch {
    // Nobody has logged in here.
    return undefined;
  }
}

function isTrue(text: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes(text?.toUpperCase() ?? '');
}

/** `~` and `$NAME`, as Python's expanduser and expandvars; an unknown name stays as it is. */
function expand(path: string, env: Variables): string {
  return path
    .replace(/^~(?=$|\/|\\)/, homedir())
    .replace(/\$(?:\{(\w+)\}|(\w+))/g, (all, braced?: string, plain?: string) => env[braced ?? plain ?? ''] ?? all);
}

/** Node's own SHA, several times as fast as ours. */
export const nodeHasher: HasherFactory = (algorithm) => {
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
};
