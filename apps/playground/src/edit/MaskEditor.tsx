import type { RgbaImage } from '@muse/muse';
import { type PointerEvent, useEffect, useRef, useState } from 'react';
import { Picture } from '../parts/Picture.tsx';
import { commitMask } from '../state/changes.ts';
import { useStore } from '../state/store.ts';
import { MaskBoxFields } from './MaskBoxFields.tsx';
import { MaskTools, type Tool } from './MaskTools.tsx';
import { fillBox, type Point, stroke } from './strokes.ts';

/** What is painted is shown in this colour, with what is under it. */
const TINT = [232, 121, 61, 150] as const;

/** The image under a mask that is painted by brush, eraser and box. */
export function MaskEditor({ image }: { readonly image: RgbaImage }) {
  const mask = useStore(({ recipe }) => recipe.mask);
  const [tool, setTool] = useState<Tool>('brush');
  const [size, setSize] = useState(Math.max(4, Math.round(Math.min(image.width, image.height) / 8)));
  const canvas = useRef<HTMLCanvasElement>(null);
  /** The stroke under way: what was before it, what it has become, where it is. */
  const gesture = useRef<{ start: Point; last: Point; before: Uint8Array; data: Uint8Array } | undefined>(undefined);
  useEffect(() => {
    if (mask) drawMask(canvas.current!, mask.data);
  }, [mask]);

  const pointOf = (event: PointerEvent<HTMLCanvasElement>): Point => {
    const box = event.currentTarget.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * image.width,
      y: ((event.clientY - box.top) / box.height) * image.height,
    };
  };
  const move = (to: Point) => {
    const { current } = gesture;
    if (!current) return;
    if (tool === 'box') {
      current.data.set(current.before);
      fillBox(current.data, image, current.start, to, 1);
    } else stroke(current.data, image, current.last, to, size / 2, tool === 'brush' ? 1 : 0);
    current.last = to;
    drawMask(canvas.current!, current.data);
  };
  const end = () => {
    if (gesture.current) commitMask(gesture.current.data);
    gesture.current = undefined;
  };
  return (
    <div className="mask-editor">
      <div className="frame source" style={{ aspectRatio: `${image.width} / ${image.height}` }}>
        <Picture image={image} label="The image to paint over" />
        <canvas
          ref={canvas}
          className="mask"
          width={image.width}
          height={image.height}
          onPointerDown={(event) => {
            if (!mask || event.button !== 0) return;
            event.preventDefault();
            event.currentTarget.setPointerCapture(event.pointerId);
            const start = pointOf(event);
            gesture.current = { start, last: start, before: mask.data, data: mask.data.slice() };
            move(start);
          }}
          onPointerMove={(event) => move(pointOf(event))}
          onPointerUp={end}
          onPointerCancel={end}
        />
      </div>
      <MaskTools
        tool={tool}
        onTool={setTool}
        size={size}
        onSize={setSize}
        maxSize={Math.min(image.width, image.height)}
      />
      <MaskBoxFields image={image} />
    </div>
  );
}

function drawMask(canvas: HTMLCanvasElement, mask: Uint8Array): void {
  const picture = new ImageData(canvas.width, canvas.height);
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) picture.data.set(TINT, 4 * i);
  canvas.getContext('2d')!.putImageData(picture, 0, 0);
}
