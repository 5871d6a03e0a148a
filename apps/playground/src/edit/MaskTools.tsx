import { useEffect } from 'react';
import { Icon } from '../parts/Icon.tsx';
import { commitMask, redoMask, undoMask } from '../state/changes.ts';
import { getState, useStore } from '../state/store.ts';

export type Tool = 'brush' | 'eraser' | 'box';

interface MaskToolsProps {
  readonly tool: Tool;
  readonly onTool: (tool: Tool) => void;
  readonly size: number;
  readonly onSize: (size: number) => void;
  readonly maxSize: number;
}

const tools = [
  ['brush', 'Brush'],
  ['eraser', 'Eraser'],
  ['box', 'Box'],
] as const;

/** Tools of the mask, and the way back. */
export function MaskTools({ tool, onTool, size, onSize, maxSize }: MaskToolsProps) {
  const canUndo = useStore(({ masks }) => masks.past.length > 0);
  const canRedo = useStore(({ masks }) => masks.future.length > 0);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isText = event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement;
      if (isText || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return;
      event.preventDefault();
      if (event.shiftKey) redoMask();
      else undoMask();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  return (
    <div className="mask-tools" role="toolbar" aria-label="Mask">
      {tools.map(([name, label]) => (
        <button key={name} type="button" aria-pressed={tool === name} onClick={() => onTool(name)}>
          <Icon name={name} /> {label}
        </button>
      ))}
      <label className="brush-size">
        Size
        <input
          type="range"
          min={1}
          max={maxSize}
          value={size}
          disabled={tool === 'box'}
          onChange={({ target }) => onSize(target.valueAsNumber)}
        />
      </label>
      <button type="button" className="icon" aria-label="Undo" disabled={!canUndo} onClick={undoMask}>
        <Icon name="undo" />
      </button>
      <button type="button" className="icon" aria-label="Redo" disabled={!canRedo} onClick={redoMask}>
        <Icon name="redo" />
      </button>
      <button type="button" onClick={() => clear()}>
        Clear
      </button>
    </div>
  );
}

function clear(): void {
  const { mask } = getState().recipe;
  if (mask?.data.some((value) => value !== 0)) commitMask(new Uint8Array(mask.data.length));
}
