import type { RgbaImage } from '@muse/muse';
import { useLayoutEffect, useRef } from 'react';

interface PictureProps {
  readonly image: RgbaImage;
  /** Empty where something around it has the words. */
  readonly label: string;
  readonly className?: string;
}

/** An image drawn by its pixels. */
export function Picture({ image, label, className }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => draw(canvas.current!, image), [image]);
  return (
    <canvas
      ref={canvas}
      className={`picture ${className ?? ''}`}
      width={image.width}
      height={image.height}
      {...(label !== '' && { role: 'img', 'aria-label': label })}
    />
  );
}

function draw(canvas: HTMLCanvasElement, { width, height, data }: RgbaImage): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
}
