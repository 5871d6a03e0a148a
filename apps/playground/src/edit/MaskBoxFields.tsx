import type { RgbaImage } from '@muse/muse';
import { useId, useState } from 'react';
import { commitMask } from '../state/changes.ts';
import { getState } from '../state/store.ts';
import { fillBox } from './strokes.ts';

const names = ['x', 'y', 'width', 'height'] as const;

/** A box by its numbers: the mask for those who have no pointer. */
export function MaskBoxFields({ image }: { readonly image: RgbaImage }) {
  const id = useId();
  const [box, setBox] = useState({ x: 0, y: 0, width: image.width, height: Math.ceil(image.height / 2) });
  const fill = (value: 0 | 1) => {
    const { mask } = getState().recipe;
    if (!mask) return;
    const data = mask.data.slice();
    fillBox(data, image, box, { x: box.x + box.width, y: box.y + box.height }, value);
    commitMask(data);
  };
  return (
    <details className="box-fields">
      <summary>A box by numbers</summary>
      <div>
        {names.map((name) => (
          <label key={name} htmlFor={`${id}${name}`}>
            {name}
            <input
              id={`${id}${name}`}
              type="number"
              min={0}
              max={name === 'x' || name === 'width' ? image.width : image.height}
              value={box[name]}
              onChange={({ target }) => setBox({ ...box, [name]: Math.max(0, Math.round(target.valueAsNumber) || 0) })}
            />
          </label>
        ))}
        <p>
          <button type="button" onClick={() => fill(1)}>
            Add
          </button>
          <button type="button" onClick={() => fill(0)}>
            Take off
          </button>
        </p>
      </div>
    </details>
  );
}
