/**
 * The least time of a command on a GPU: that of its FLOP or that of its bytes, whichever is longer.
 *
 * @param {{ flop: number, bytes: number, isOfMatrices?: boolean }} work
 * @param {{ tflops: number, matrixTflops?: number, gbs: number }} gpu peaks in 10¹² FLOP/s, of matrices of halves too, and 10⁹ bytes/s
 */
export function leastMs({ bytes, ...work }, gpu) {
  return Math.max(computeMs(work, gpu), bytes / gpu.gbs / 1e6);
}

const computeMs = ({ flop, isOfMatrices }, { tflops, matrixTflops }) =>
  flop / (isOfMatrices ? matrixTflops : tflops) / 1e9;

/**
 * The commands of each kernel together, the one with the longest bound on the first GPU first. The bound is the sum of the
 * commands' own: one waits for the other.
 *
 * @param {(import('./countWork.mjs').Work & { isOfMatrices?: boolean })[]} commands
 * @param {{ tflops: number, matrixTflops?: number, gbs: number }[]} gpus
 */
export function perKernel(commands, gpus) {
  const names = [...new Set(commands.map(({ kernel }) => kernel))];
  return names
    .map((name) => {
      const own = commands.filter(({ kernel }) => kernel === name);
      const sum = (value) => own.reduce((total, command) => total + value(command), 0);
      const bytesOf = ({ readBytes, writtenBytes }) => readBytes + writtenBytes;
      return {
        kernel: name,
        numCommands: own.length,
        leastWorkgroups: Math.min(...own.map(({ numWorkgroups }) => numWorkgroups)),
        flop: sum(({ flop }) => flop),
        bytes: sum(bytesOf),
        weightBytes: sum(({ weightBytes }) => weightBytes),
        bounds: gpus.map((gpu) => {
          const least = (command) => leastMs({ ...command, bytes: bytesOf(command) }, gpu);
          const ms = sum(least);
          const ofCompute = sum((command) => (computeMs(command, gpu) === least(command) ? least(command) : 0));
          return { ms, computeShare: ofCompute / ms };
        }),
      };
    })
    .sort((a, b) => b.bounds[0].ms - a.bounds[0].ms);
}
