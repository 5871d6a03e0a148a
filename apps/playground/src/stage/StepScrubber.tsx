import { useEffect, useState } from 'react';
import { Icon } from '../parts/Icon.tsx';
import type { StepRecord } from '../state/result.ts';

interface StepScrubberProps {
  readonly steps: readonly StepRecord[];
  /** Undefined: the end. */
  readonly shown: number | undefined;
  readonly onShow: (index: number | undefined) => void;
}

const FRAME_MS = 180;
/** However many steps, playing them lasts no longer. */
const ALL_FRAMES_MS = 6000;

/** Back and forth over the steps of an image. */
export function StepScrubber({ steps, shown, onShow }: StepScrubberProps) {
  const [isPlaying, setPlaying] = useState(false);
  const end = steps.length;
  useEffect(() => {
    if (!isPlaying) return;
    const at = shown ?? end;
    if (at >= end) {
      setPlaying(false);
      return;
    }
    const next = () => onShow(at + 1 >= end ? undefined : at + 1);
    const timer = setTimeout(next, Math.min(FRAME_MS, ALL_FRAMES_MS / end));
    return () => clearTimeout(timer);
  }, [isPlaying, shown, end, onShow]);
  if (end === 0) return null;
  const step = shown === undefined ? undefined : steps[shown];
  const text = step ? `step ${step.step} of ${step.numSteps}, ${step.numMasked} open` : 'finished';
  return (
    <div className="scrubber">
      <button
        type="button"
        className="icon"
        aria-label={isPlaying ? 'Stop playing the steps' : 'Play the steps'}
        onClick={() => {
          if (!isPlaying && shown === undefined) onShow(0);
          setPlaying(!isPlaying);
        }}
      >
        <Icon name={isPlaying ? 'pause' : 'play'} />
      </button>
      <input
        type="range"
        aria-label="Step"
        aria-valuetext={text}
        min={0}
        max={end}
        value={shown ?? end}
        onChange={({ target }) => {
          setPlaying(false);
          onShow(target.valueAsNumber >= end ? undefined : target.valueAsNumber);
        }}
      />
      <output>{text}</output>
    </div>
  );
}
