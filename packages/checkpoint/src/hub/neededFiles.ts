import { WeightError } from '@muse/backend';
import { isPickleName, pickleProblem } from '../pickle.js';
import { isObject } from '../safetensorsHeader.js';
import { usualVariant } from '../weightFiles.js';

/** Configuration, vocabularies and licences; weights come as safetensors only. */
const smallFile = /(\.(json|txt|model|jinja)|(^|\/)(LICEN[CS]E|NOTICE)[^/]*)$/i;
const weightFile = /\.safetensors(\.index(\.[\w-]+)?\.json)?$/;
/** `model.safetensors.index.fp16.json`, `model.fp16.safetensors`, `model.fp16-00001-of-00002.safetensors`. */
const variantOf = /\.safetensors\.index\.([\w-]+)\.json$|\.([A-Za-z0-9_]+)(?:-\d{5}-of-\d{5})?\.safetensors$/;
/** Another program's weights, configurations of it beside. */
const otherFormats = /(^|\/)(onnx|openvino|flax|tf|coreml|\.cache)(\/|$)|(^|\/)(flax|tf|onnx|openvino)_/i;

/**
 * What of a model is needed to run it: its small files, and one set of weights for each folder.
 *
 * @param paths of all files
 * @param modelIndex model_index.json, parsed, of models that have one: only its components' folders count
 * @param variant `fp16` takes the weights of that kind, where there are any
 * @throws WeightError when a folder has weights in pickle files only, or no folder has the variant
 */
export function neededFiles(paths: readonly string[], modelIndex: unknown, variant?: string): string[] {
  const components = componentsOf(modelIndex);
  const inModel = paths.filter((path) => {
    const folder = folderOf(path);
    return (
      !otherFormats.test(path) && (components === undefined || folder === '' || components.has(folder.split('/')[0]!))
    );
  });
  const folders = [...new Set(inModel.map(folderOf))].filter((folder) => components === undefined || folder !== '');
  const weights = folders.flatMap((folder) => weightsOf(inModel, folder, variant));
  if (variant !== undefined && !weights.some((path) => kindOf(path) === variant)) {
    throw problem(`expected weights of variant ${variant}, got ${weights.join(', ') || 'no weights'}`);
  }
  return [...inModel.filter((path) => smallFile.test(path) && !weightFile.test(path)), ...weights].sort();
}

/** Names of folders; undefined where any may count. */
function componentsOf(modelIndex: unknown): Set<string> | undefined {
  if (!isObject(modelIndex)) return undefined;
  const fields = isObject(modelIndex.components) ? modelIndex.components : modelIndex;
  // diffusers: [library, class], or [null, null] for what a pipeline does without.
  const isThere = (value: unknown) => (Array.isArray(value) ? value[0] !== null : typeof value === 'string');
  return new Set(Object.keys(fields).filter((key) => !key.startsWith('_') && isThere(fields[key])));
}

function weightsOf(paths: readonly string[], folder: string, variant: string | undefined): string[] {
  const own = paths.filter((path) => folderOf(path) === folder);
  const all = own.filter((path) => weightFile.test(path));
  const pickles = own.filter(
    (path) => isPickleName(path) && !/(training_args|optimizer|scheduler|scaler)\./.test(path),
  );
  if (all.length === 0 && pickles.length > 0)
    throw new WeightError(place, `expected safetensors, got ${pickleProblem(pickles[0]!)}`);
  // As a folder is read: the plain files, or else half precision.
  const kinds = variant === undefined ? [undefined, usualVariant] : [variant, undefined];
  const chosen = kinds.map((kind) => all.filter((path) => kindOf(path) === kind)).find((some) => some.length > 0) ?? [];
  const whole = chosen.filter((path) => !/-\d{5}-of-\d{5}\.safetensors$|\.json$/.test(path));
  const usual = whole.filter((path) => /(^|\/)(model|diffusion_pytorch_model)[.\w]*\.safetensors$/.test(path));
  if (usual.length > 0) return usual;
  // Whole and in shards are the same weights.
  return whole.length > 0 ? whole : chosen;
}

function kindOf(path: string): string | undefined {
  const [, ofIndex, ofFile] = variantOf.exec(path) ?? [];
  return ofIndex ?? ofFile;
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

const place = { package: 'checkpoint', in: 'neededFiles' };

function problem(message: string): WeightError {
  return new WeightError(place, message);
}
