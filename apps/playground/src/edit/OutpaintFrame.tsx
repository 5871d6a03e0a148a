import type { RgbaImage } from '@muse/muse';
import { type KeyboardEvent, type PointerEvent, useRef } from 'react';
import { Picture } from '../parts/Picture.tsx';
import { changeRecipe } from '../state/changes.ts';
import type { Margins } from '../state/recipe.ts';
import { useStore } from '../state/store.ts';

const sides = ['left', 'right', 'top', 'bottom'] as const;
type Side = (typeof sides)[number];

/** How far a side can be drawn out, in times of the image. */
const MAX_FACTOR = 1;

/** The image in a frame whose edges are drawn outwards, by pointer, arrow keys or numbers. */
export function OutpaintFrame({ image }: { readonly image: RgbaImage }) {
  const margins = useStore(({ recipe }) => recipe.margins);
  const gesture = useRef<{ side: Side; from: number; start: number; pixelsPerPoint: number } | undefined>(undefined);
  const most = (side: Side) =>
    Math.round(MAX_FACTOR * (side === 'left' || side === 'right' ? image.width : image.height));
  const set = (side: Side, pixels: number) =>
    changeRecipe({ margins: { ...margins, [side]: Math.min(most(side), Math.max(0, Math.round(pixels))) } });

  const down = (side: Side) => (event: PointerEvent<HTMLButtonElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    const frame = event.currentTarget.parentElement!.getBoundingClientRect();
    const pixelsPerPoint = (margins.left + image.width + margins.right) / frame.width;
    gesture.current = { side, from: margins[side], start: along(side, event), pixelsPerPoint };
  };
  const move = (event: PointerEvent<HTMLButtonElement>) => {
    const { current } = gesture;
    if (!current) return;
    const moved = (along(current.side, event) - current.start) * current.pixelsPerPoint;
    const isOutwards = current.side === 'right' || current.side === 'bottom';
    set(current.side, current.from + (isOutwards ? moved : -moved));
  };
  const end = () => {
    gesture.current = undefined;
  };
  const key = (side: Side) => (event: KeyboardEvent) => {
    const outwards = { left: 'ArrowLeft', right: 'ArrowRight', top: 'ArrowUp', bottom: 'ArrowDown' }[side];
    const inwards = { left: 'ArrowRight', right: 'ArrowLeft', top: 'ArrowDown', bottom: 'ArrowUp' }[side];
    const by = event.shiftKey ? 1 : 8;
    if (event.key === outwards) set(side, margins[side] + by);
    else if (event.key === inwards) set(side, margins[side] - by);
    else return;
    event.preventDefault();
  };
  const [width, height] = [margins.left + image.width + margins.right, margins.top + image.height + margins.bottom];
  const percent = (part: number, whole: number) => `${(100 * part) / whole}%`;
  return (
    <div className="outpaint">
      <div className="frame source grown" style={{ aspectRatio: `${width} / ${height}` }}>
        <div
          className="inner"
          style={{
            left: percent(margins.left, width),
            top: percent(margins.top, height),
            width: percent(image.width, width),
            height: percent(image.height, height),
          }}
        >
          <Picture image={image} label="The image to grow" />
        </div>
        {sides.map((side) => (
          <button
            key={side}
            type="button"
            role="slider"
            className={`handle ${side}`}
            aria-label={`Grow to the ${side}, in pixels`}
            aria-valuemin={0}
            aria-valuemax={most(side)}
            aria-valuenow={margins[side]}
            aria-orientation={side === 'left' || side === 'right' ? 'horizontal' : 'vertical'}
            onPointerDown={down(side)}
            onPointerMove={move}
            onPointerUp={end}
            onPointerCancel={end}
            onKeyDown={key(side)}
          />
        ))}
      </div>
      <MarginFields margins={margins} most={most} set={set} />
    </div>
  );
}

interface MarginFieldsProps {
  readonly margins: Margins;
  readonly most: (side: Side) => number;
  readonly set: (side: Side, pixels: number) => void;
}

function MarginFields({ margins, most, set }: MarginFieldsProps) {
  return (
    <div className="margin-fields">
      {sides.map((side) => (
        <label key={side}>
          {side}
          <input
            type="number"
            min={0}
            max={most(side)}
            step={8}
            value={margins[side]}
            onChange={({ target }) => set(side, target.valueAsNumber || 0)}
          />
        </label>
      ))}
    </div>
  );
}

function along(side: Side, event: PointerEvent): number {
  return side === 'left' || side === 'right' ? event.clientX : event.clientY;
}
