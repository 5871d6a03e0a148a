import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A child that reports nothing for so long is ended. */
const SILENCE_MS = 120_000;

/**
 * Runs a command that reports by lines of JSON, and hands each over as it comes; other lines are left out. Never rejects.
 *
 * @param {{ onEntry?: (entry: object) => void, silenceMs?: number, cwd?: string, env?: object }} [options]
 * @returns {Promise<{ entries: object[], problem?: string }>} `problem`: why it did not end well, from its last words
 */
export function runChild(command, args, { onEntry, silenceMs = SILENCE_MS, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const entries = [];
    let words = '';
    let isTooSlow = false;
    let timer;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        isTooSlow = true;
        child.kill('SIGKILL');
      }, silenceMs);
    };
    wait();
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      wait();
      const entry = JSON.parse(line);
      entries.push(entry);
      onEntry?.(entry);
    });
    child.stderr.on('data', (chunk) => {
      words = `${words}${chunk}`.slice(-20_000);
    });
    child.on('error', ({ message }) => {
      words += message;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve({ entries });
      else if (isTooSlow) resolve({ entries, problem: `nothing for ${silenceMs / 1000} s` });
      else resolve({ entries, problem: lastWords(words) ?? `ended by ${signal ?? `exit code ${code}`}` });
    });
  });
}

/** The error that Node or Python ended with, else the last line. */
function lastWords(text) {
  const lines = text.split('\n').filter((line) => line.trim() && !/^Node\.js v/.test(line));
  return (lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1))?.trim().slice(0, 200);
}
