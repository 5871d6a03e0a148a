import type { RgbaImage } from '@muse/muse';
import { useState } from 'react';
import { Icon } from '../parts/Icon.tsx';
import { Picture } from '../parts/Picture.tsx';

interface BeforeAfterProps {
  readonly before: RgbaImage;
  readonly after: RgbaImage;
  readonly label: string;
}

/** Two images of one size, one over the other, with an edge that moves. */
export function BeforeAfter({ before, after, label }: BeforeAfterProps) {
  const [edge, setEdge] = useState(0);
  return (
    <div className="before-after">
      <Picture image={after} label={label} />
      <div className="before" style={{ clipPath: `inset(0 ${100 - edge}% 0 0)` }}>
        <Picture image={before} label="Before" />
      </div>
      <div className="edge" style={{ left: `${edge}%` }} hidden={edge === 0} />
      <input
        type="range"
        aria-label="Before and after"
        aria-valuetext={`${edge} % before`}
        min={0}
        max={100}
        value={edge}
        onChange={({ target }) => setEdge(target.valueAsNumber)}
      />
      <span className="grip" style={{ left: `clamp(1.4rem, ${edge}%, 100% - 1.4rem)` }} aria-hidden="true">
        <Icon name="sides" />
      </span>
    </div>
  );
}
