/** Files of `torch.save`, by their names. */
const pickleName = /(^|\/)[^/]+\.(bin|ckpt|pt|pth|pkl)$/;

/** Where libraries put weights before they wrote safetensors. */
export const usualPickles: readonly string[] = [
  'pytorch_model.bin',
  'diffusion_pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'diffusion_pytorch_model.bin.index.json',
  'model.bin',
  'model.ckpt',
  'model.pt',
  'last.ckpt',
];

export function isPickleName(path: string): boolean {
  return pickleName.test(path);
}

/** The first bytes of a zip archive (torch ≥ 1.6) or of a pickle of protocol 2 to 5. */
export function looksLikePickle(bytes: Uint8Array): boolean {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
  return isZip || (bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5);
}

/** Why a pickle file is refused and how to convert it, to follow `expected …, got `. */
export function pickleProblem(path: string): string {
  const name = path.replace(/^.*[\\/]/, '').replace(/\.index\.json$/, '');
  const stem = name.replace(/\.\w+$/, '');
  const output = stem === 'pytorch_model' ? 'model' : stem;
  return (
    `the pickle file ${path}, which is never opened: reading one can run any code. Convert it where you trust it, in Python: ` +
    `import torch; from safetensors.torch import save_file; t = torch.load("${name}", map_location="cpu", weights_only=True); ` +
    `t = t.get("state_dict", t); save_file({k: v.clone() for k, v in t.items()}, "${output}.safetensors")`
  );
}
