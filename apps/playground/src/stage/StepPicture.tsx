import { useLayoutEffect, useRef } from 'react';
import { Picture } from '../parts/Picture.tsx';
import { isMasked, type StepRecord } from '../state/result.ts';

interface StepPictureProps {
  readonly step: StepRecord;
  readonly label: string;
}

/** A partial decode: the guess as pixels, a veil of tiles over the tokens that are not decided. */
export function StepPicture({ step, label }: StepPictureProps) {
  return (
    <div className="step-picture">
      <Picture image={step.preview} label={label} />
      <Veil step={step} />
    </div>
  );
}

/** Side of a token on the veil, in its own pixels: enough for a gap between tiles. */
const CELL = 24;

function Veil({ step }: Omit<StepPictureProps, 'label'>) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [h, w] = step.grid;
  useLayoutEffect(() => {
    const context = canvas.current!.getContext('2d')!;
    context.clearRect(0, 0, w * CELL, h * CELL);
    context.fillStyle = getComputedStyle(canvas.current!).getPropertyValue('--veil');
    for (let position = 0; position < h * w; position++) {
      if (!isMasked(step, position)) continue;
      const [x, y] = [(position % w) * CELL, Math.floor(position / w) * CELL];
      context.fillRect(x + 0.5, y + 0.5, CELL - 1, CELL - 1);
    }
  }, [step, h, w]);
  // Without a role it is nothing to a screen reader; the picture under it has the words.
  return <canvas ref={canvas} className="veil" width={w * CELL} height={h * CELL} />;
}

/** More tiles than this can't be told apart. */
const MAX_BLANK = 16;

/** Before the first step: every token is masked. */
export function BlankGrid({ side: tokens = 8 }: { readonly side?: number }) {
  const side = Math.min(MAX_BLANK, tokens);
  return (
    <div className="blank-grid" style={{ gridTemplateColumns: `repeat(${side}, 1fr)` }} aria-hidden="true">
      {Array.from({ length: side * side }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: cells never move
        <i key={i} />
      ))}
    </div>
  );
}
