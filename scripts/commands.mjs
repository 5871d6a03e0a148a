/** The commands of `muse`, which `npm start --` tells from a prompt. */
export const commands = [
  'generate',
  'inpaint',
  'outpaint',
  'edit',
  'variations',
  'upscale',
  'devices',
  'train',
  'encode-image',
  'decode-tokens',
  'encode-text',
  'inspect',
  'download',
  'cache',
  'convert',
  'help',
];
