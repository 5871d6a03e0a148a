/**
 * A line of progress with the time left. Each group has its own pace, that of the pictures of it which were made in this
 * run; a group without any yet is expected to go at the pace of all.
 *
 * @param totals pictures of each group
 */
export function progressLine(totals) {
  const done = new Map(Object.keys(totals).map((group) => [group, 0]));
  const made = new Map();
  const sum = (values) => [...values].reduce((total, x) => total + x, 0);
  return {
    /** Runs `make` and notes how long it took. */
    async timed(group, make) {
      const start = performance.now();
      const result = await make();
      const { count, seconds } = made.get(group) ?? { count: 0, seconds: 0 };
      made.set(group, { count: count + 1, seconds: seconds + (performance.now() - start) / 1000 });
      return result;
    },
    step(group) {
      done.set(group, done.get(group) + 1);
      const paces = [...made.values()];
      const ofAll = paces.length === 0 ? 0 : sum(paces.map((p) => p.seconds)) / sum(paces.map((p) => p.count));
      const left = Object.entries(totals).map(([name, total]) => {
        const own = made.get(name);
        return (total - done.get(name)) * (own ? own.seconds / own.count : ofAll);
      });
      const time = new Date(1000 * sum(left)).toISOString().slice(11, 19);
      process.stderr.write(`\r${sum(done.values())} of ${sum(Object.values(totals))} (${group}), ${time} left   `);
    },
    end: () => process.stderr.write('\n'),
  };
}
