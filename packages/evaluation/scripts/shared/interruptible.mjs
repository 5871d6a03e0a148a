/** Runs `run(signal)`; Ctrl-C stops it between pictures, which are kept. */
export async function interruptible(run) {
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  try {
    return await run(abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    process.stderr.write('\nstopped; the same command goes on with the pictures that are there\n');
    process.exit(130);
  }
}
