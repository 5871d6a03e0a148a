#!/usr/bin/env node
import { runCli } from './runCli.js';
import { flush, processIo } from './terminal/io.js';

// Whoever reads our output may leave early (`muse … | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const code = await runCli(process.argv.slice(2), processIo());
await flush();
// Native devices keep threads that would keep the process.
process.exit(code);
