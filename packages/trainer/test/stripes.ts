import type { Dataset } from '../src/data/dataset.js';

/** Striped images that a tiny model can learn: the caption says which way they run. */
export function stripes(imageSize: number, size: number, onLoad: (index: number) => void = () => {}): Dataset {
  return {
    id: `stripes ${imageSize} ${size}`,
    size,
    imageSize,
    async image(index) {
      onLoad(index);
      return Float32Array.from({ length: imageSize ** 2 * 3 }, (_, i) => {
        const pixel = Math.floor(i / 3);
        const along = index % 2 === 0 ? pixel % imageSize : Math.floor(pixel / imageSize);
        return Math.floor((along + index) / 4) % 2 === 0 ? 0.9 : 0.1 + 0.1 * (i % 3);
      });
    },
    caption: (index, seed) => `${index % 2 === 0 ? 'upright' : 'lying'} ${seed % 2 === 0 ? 'stripes' : 'bars'}`,
  };
}
