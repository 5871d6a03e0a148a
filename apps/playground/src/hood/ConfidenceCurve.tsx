import { isMasked, type StepRecord } from '../state/result.ts';

const [WIDTH, HEIGHT] = [240, 64];

interface ConfidenceCurveProps {
  readonly steps: readonly StepRecord[];
  readonly shown: StepRecord;
}

/** Over the steps: tokens that are still open (area), and how sure the model is of those it decided (line). */
export function ConfidenceCurve({ steps, shown }: ConfidenceCurveProps) {
  const points = steps.map((step, i) => ({
    x: steps.length === 1 ? WIDTH : (WIDTH * i) / (steps.length - 1),
    open: step.numMasked / step.tokenIds.length,
    sure: meanConfidence(step),
    step,
  }));
  const path = (value: (point: (typeof points)[number]) => number) =>
    points.map((point) => `${point.x.toFixed(1)},${(HEIGHT * (1 - value(point))).toFixed(1)}`).join(' ');
  const here = points.find(({ step }) => step === shown);
  const sure = Math.round(100 * meanConfidence(shown));
  return (
    <figure className="curve">
      <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} preserveAspectRatio="none" aria-hidden="true">
        <polygon points={`0,${HEIGHT} ${path(({ open }) => open)} ${WIDTH},${HEIGHT}`} />
        <polyline points={path(({ sure }) => sure)} />
        {here && <line x1={here.x} x2={here.x} y1={0} y2={HEIGHT} />}
      </svg>
      <figcaption>
        Step {shown.step}: {shown.numMasked} tokens open (area); of those decided the model is {sure} % sure (line);
        guidance {shown.guidanceScale.toFixed(1)}
      </figcaption>
    </figure>
  );
}

function meanConfidence(step: StepRecord): number {
  const sure = [...step.confidence].filter((_, position) => !isMasked(step, position));
  return sure.length === 0 ? 0 : sure.reduce((sum, x) => sum + x, 0) / sure.length;
}
