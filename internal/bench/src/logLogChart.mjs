const PANEL = { width: 330, height: 240 };
const MARGIN = { top: 64, right: 16, bottom: 48, left: 58 };
const GAP = 74;

const STYLE = `
.card { fill: #ffffff; stroke: #d0d7de; }
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 14px; font-weight: 600; }
.soft { fill: #59636e; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.line { fill: none; stroke: #8250df; stroke-width: 2; stroke-dasharray: 6 4; }
.dot { fill: #0969da; stroke: #0969da; stroke-width: 2; }
.ring { fill: none; stroke: #bc4c00; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  .card { fill: #0d1117; stroke: #3d444d; }
  text { fill: #f0f6fc; }
  .soft { fill: #9198a1; }
  .grid { stroke: #2f3742; }
  .line { stroke: #ab7df8; }
  .dot { fill: #4493f8; stroke: #4493f8; }
  .ring { stroke: #db6d28; }
}`;

/**
 * Panels side by side over one x axis, both axes logarithmic, as an SVG that is legible in light and dark.
 *
 * @typedef {{ name: string, points: [x: number, y: number][], kind: 'line' | 'dot' | 'ring' }} Series
 * @param {{ title: string, note: string, xLabel: string, panels: { yLabel: string, series: Series[] }[] }} chart
 */
export function logLogChart({ title, note, xLabel, panels }) {
  const width = MARGIN.left + panels.length * PANEL.width + (panels.length - 1) * GAP + MARGIN.right;
  const height = MARGIN.top + PANEL.height + MARGIN.bottom;
  const drawn = panels.map((panel, i) => {
    const left = MARGIN.left + i * (PANEL.width + GAP);
    return `<g transform="translate(${left} ${MARGIN.top})">${drawPanel(panel, xLabel)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(`${title} (${note})`)}">
<style>${STYLE}
</style>
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>
<text class="title" x="${MARGIN.left - 42}" y="24">${escapeXml(title)}</text>
<text class="soft" x="${width - MARGIN.right}" y="24" text-anchor="end">${escapeXml(note)}</text>
${drawn.join('\n')}
</svg>
`;
}

function drawPanel({ yLabel, series }, xLabel) {
  const all = series.flatMap(({ points }) => points);
  const x = scale(
    all.map(([value]) => value),
    0,
    PANEL.width,
  );
  const y = scale(
    all.map(([, value]) => value),
    PANEL.height,
    0,
  );
  const grid = [
    ...x.ticks.map((tick) => {
      const at = x.at(tick).toFixed(1);
      return `<path class="grid" d="M${at} 0V${PANEL.height}"/><text class="soft" x="${at}" y="${PANEL.height + 16}" text-anchor="middle">${short(tick)}</text>`;
    }),
    ...y.ticks.map((tick) => {
      const at = y.at(tick).toFixed(1);
      return `<path class="grid" d="M0 ${at}H${PANEL.width}"/><text class="soft" x="-6" y="${at}" dy="4" text-anchor="end">${short(tick)}</text>`;
    }),
  ];
  const place = ([a, b]) => `${x.at(a).toFixed(1)} ${y.at(b).toFixed(1)}`;
  const marks = series.map(({ points, kind }) =>
    kind === 'line'
      ? `<path class="line" d="M${points.map(place).join('L')}"/>`
      : points.map(([a, b]) => mark(kind, x.at(a), y.at(b))).join(''),
  );
  let legendAt = 0;
  const legend = series.map(({ name, kind }) => {
    const from = legendAt;
    legendAt += 34 + 6.4 * name.length;
    const sign = kind === 'line' ? `<path class="line" d="M${from} -16h18"/>` : mark(kind, from + 9, -16);
    return `${sign}<text x="${from + 23}" y="-12">${escapeXml(name)}</text>`;
  });
  return [
    ...legend,
    ...grid,
    ...marks,
    `<text class="soft" x="-6" y="-12" text-anchor="end">${escapeXml(yLabel)}</text>`,
    `<text class="soft" x="${PANEL.width / 2}" y="${PANEL.height + 36}" text-anchor="middle">${escapeXml(xLabel)}</text>`,
  ].join('\n');
}

const mark = (kind, cx, cy) => `<circle class="${kind}" cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="4"/>`;

/** A logarithmic axis with some room at both ends, and round numbers on it. */
function scale(values, from, to) {
  const [low, high] = [Math.min(...values) / 1.25, Math.max(...values) * 1.25];
  // An axis of less than a factor of 4 would make noise look like a trend.
  const widen = Math.max(1, Math.sqrt(4 / (high / low)));
  const [first, last] = [Math.log(low / widen), Math.log(high * widen)];
  const at = (value) => from + ((Math.log(value) - first) / (last - first)) * (to - from);
  const decades = Array.from({ length: 20 }, (_, i) => 10 ** (i - 6));
  const steps = last - first > Math.log(300) ? [1] : last - first > Math.log(30) ? [1, 3] : [1, 2, 5];
  const ticks = decades.flatMap((decade) => steps.map((step) => step * decade));
  return { at, ticks: ticks.filter((tick) => Math.log(tick) >= first && Math.log(tick) <= last) };
}

function short(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

const escapeXml = (text) => text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
