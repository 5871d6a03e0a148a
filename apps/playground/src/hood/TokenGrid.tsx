import { type CSSProperties, type KeyboardEvent, useRef } from 'react';
import { isMasked, type StepRecord } from '../state/result.ts';

interface TokenGridProps {
  readonly steps: readonly StepRecord[];
  readonly step: StepRecord;
  /** The chosen token, rows from the top. */
  readonly position: number;
  readonly onPosition: (position: number) => void;
}

/** Ids are written into tokens of at most this many columns; beyond, they are too small to read. */
const MAX_WRITTEN = 16;

/** The tokens with their ids; the surer the model was, the stronger their colour. Arrow keys move. */
export function TokenGrid({ steps, step, position, onPosition }: TokenGridProps) {
  const [h, w] = step.grid;
  const table = useRef<HTMLTableElement>(null);
  const onKey = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -w, ArrowDown: w }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = position + by;
    const isSideways = Math.abs(by) === 1;
    if (next < 0 || next >= h * w || (isSideways && Math.floor(next / w) !== Math.floor(position / w))) return;
    onPosition(next);
    table.current!.querySelectorAll('button')[next]?.focus();
  };
  return (
    <figure className={`token-grid ${w > 8 ? 'fine' : ''}`} style={{ '--columns': w } as CSSProperties}>
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table of cells that are moved among */}
      <table ref={table} role="grid" aria-label="Tokens" onKeyDown={onKey}>
        <tbody>
          {Array.from({ length: h }, (_, row) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows never move
            <tr key={row}>
              {Array.from({ length: w }, (_, column) => {
                const at = row * w + column;
                const isOpen = isMasked(step, at);
                const style = { '--sure': isOpen ? 0 : step.confidence[at] } as CSSProperties;
                return (
                  // biome-ignore lint/suspicious/noArrayIndexKey: cells never move
                  <td key={column}>
                    <button
                      type="button"
                      tabIndex={at === position ? 0 : -1}
                      className={isOpen ? 'open' : ''}
                      aria-pressed={at === position}
                      aria-label={`Row ${row + 1}, column ${column + 1}: ${isOpen ? 'open' : `token ${step.tokenIds[at]}`}`}
                      style={style}
                      onPointerMove={({ movementX, movementY }) => {
                        // What moves under a pointer that rests was not pointed at.
                        if (movementX !== 0 || movementY !== 0) onPosition(at);
                      }}
                      onFocus={() => onPosition(at)}
                      onClick={() => onPosition(at)}
                    >
                      {w > MAX_WRITTEN ? '' : isOpen ? '·' : step.tokenIds[at]}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <figcaption>{describe(steps, step, position)}</figcaption>
    </figure>
  );
}

/** What is known of a token at a step. */
function describe(steps: readonly StepRecord[], step: StepRecord, position: number): string {
  const [, w] = step.grid;
  const where = `Row ${Math.floor(position / w) + 1}, column ${(position % w) + 1}`;
  const percent = `${Math.round(100 * step.confidence[position]!)} %`;
  if (isMasked(step, position)) return `${where}: open; the guess is ${step.candidates[position]}, ${percent} sure`;
  const same = steps.filter(({ stage, grid }) => stage === step.stage && grid[0] === step.grid[0]);
  const decided = same.find((other) => !isMasked(other, position));
  return `${where}: token ${step.tokenIds[position]}, decided in step ${decided?.step ?? '–'}, ${percent} sure`;
}
