/** A table in Markdown. @param {string[]} head @param {unknown[][]} rows */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const ms = (x) => (x === undefined ? 'fails' : x.toFixed(x < 10 ? 2 : 0));

/** How many times as fast `ours` is. */
export const ratio = (theirs, ours) =>
  theirs === undefined || ours === undefined ? '–' : `${(theirs / ours).toFixed(2)}×`;

/** What `measureRounds` found: the least times of all rounds, and each round's ratio. */
export function roundsTable(rounds) {
  const rows = Object.keys(rounds[0].muse).flatMap((name) =>
    ['forwardMs', 'gradientMs']
      .filter((key) => rounds.some(({ stock, muse }) => key in { ...stock[name], ...muse[name] }))
      .map((key) => {
        const least = (side) => {
          const times = rounds.map((round) => round[side][name]?.[key]).filter((time) => time !== undefined);
          return times.length > 0 ? Math.min(...times) : undefined;
        };
        const ratios = rounds.map(({ stock, muse }) => ratio(stock[name]?.[key], muse[name]?.[key]));
        return [name, key.slice(0, -2), ms(least('stock')), ms(least('muse')), ratios.join(' ')];
      }),
  );
  return table(['op', '', 'stock, ms', 'ours', 'rounds'], rows);
}

/** What `measureDevice` found, as it stands in docs/performance.md. */
export function deviceTables(device, { description, ops, training, generate, generateError, commandMs }) {
  const rows = Object.entries(ops.muse).map(([name, muse]) => {
    const stock = ops.stock[name] ?? {};
    const cells = (key) => [ms(stock[key]), ms(muse[key]), ratio(stock[key], muse[key])];
    return [name, ...cells('forwardMs'), ...cells('gradientMs')];
  });
  if (training) {
    const { muse, stock } = training;
    const cells = [ms(stock.stepMs), ms(muse.stepMs), ratio(stock.stepMs, muse.stepMs)];
    rows.push([`training step, batch ${muse.batchSize}`, '', '', '', ...cells]);
  }
  const stages = Object.entries(generate).map(([name, { ms: elapsed, peakMb }]) => [name, elapsed, peakMb]);
  if (generateError) stages.push([`fails: ${generateError}`, '', '']);
  stages.push(['the command, first and second run', commandMs.join(', ') || 'fails', '']);
  return [
    `### ${device} (${description})`,
    table(['ms', 'stock', 'ours', '', 'stock, with gradient', 'ours', ''], rows),
    table(['stage', 'ms', 'peak MB'], stages),
  ].join('\n\n');
}
