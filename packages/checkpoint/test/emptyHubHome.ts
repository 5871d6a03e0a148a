import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HubServer } from '@muse/hub-server';
import { afterEach, beforeEach, vi } from 'vitest';

/**
 * For each test of a file an empty HF_HOME and, of all settings of the hub, that of the server alone.
 *
 * @param server asked when a test begins
 * @returns the folder of the test that runs
 */
export function emptyHubHome(server: () => HubServer): () => string {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'muse-home-'));
    for (const name of Object.keys(process.env)) {
      if (/^(HF_|HUGGING|TRANSFORMERS_)/.test(name)) vi.stubEnv(name, undefined);
    }
    vi.stubEnv('HF_HOME', home);
    vi.stubEnv('HF_ENDPOINT', server().url);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(home, { recursive: true });
  });
  return () => home;
}
