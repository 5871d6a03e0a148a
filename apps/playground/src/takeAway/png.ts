// Apart from the rest, so that it is fetched when the first file is made or read.
export { decodePng, encodePng, maskFromRgba } from '@muse/muse';
