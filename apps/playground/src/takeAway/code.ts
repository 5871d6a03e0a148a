import { firstRecipe, optionsOf, type Recipe } from '../state/recipe.ts';
import type { Result } from '../state/result.ts';
import { BUNDLED_ID } from '../state/state.ts';

/** On what a recipe makes its image. */
export interface CodeContext {
  /** As given to `fromPretrained`: a folder goes by its name. */
  readonly model: string;
  readonly variant?: string;
  readonly device?: 'wasm';
  readonly hasSuperRes: boolean;
}

/** WebAssembly is everywhere and gives the same bytes everywhere, so it is named; of GPUs the next machine's will do. */
export function contextOf({ choice, device, hasSuperRes }: Result): CodeContext {
  const model = choice.id ?? `./${choice.title}`;
  return { model, variant: choice.variant, device: device === 'wasm' ? 'wasm' : undefined, hasSuperRes };
}

/** The program that makes an image: what is left out is the model's own. */
export function codeOf(recipe: Recipe, { model, variant, device, hasSuperRes }: CodeContext): string {
  const { verb } = recipe;
  const options = optionsOf(recipe, hasSuperRes);
  const files = verb === 'inpaint' ? ['image', 'mask'] : verb === 'generate' ? [] : ['image'];
  const names = [
    ...(files.length > 0 ? ['decodePng'] : []),
    'encodePng',
    ...(files.includes('mask') ? ['maskFromRgba'] : []),
    'Muse',
  ];
  const lines = [
    `import { ${files.length > 0 ? 'readFile, ' : ''}writeFile } from 'node:fs/promises';`,
    `import { ${names.join(', ')} } from '@muse/muse';`,
    '',
    ...(files.includes('image') ? ["const image = decodePng(await readFile('image.png'));"] : []),
    ...(files.includes('mask') ? ["const mask = maskFromRgba(decodePng(await readFile('mask.png')));"] : []),
    `const muse = await Muse.fromPretrained(${[literal(model), ...optionsLiteral({ variant, device })].join(', ')});`,
  ];
  const isList = verb === 'generate' || verb === 'variations';
  const given = [...files, ...Object.entries(options).map(([name, value]) => `${name}: ${literal(value)}`)];
  const call = `muse.${verb}({ ${given.join(', ')} })`;
  lines.push(isList ? `const [result] = await ${call};` : `const result = await ${call};`);
  lines.push("await writeFile('result.png', encodePng(result));", 'await muse.dispose();', '');
  return lines.join('\n');
}

/** An object of what is given; none for nothing. */
function optionsLiteral(options: Record<string, string | undefined>): string[] {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return given.length === 0 ? [] : [`{ ${given.map(([name, value]) => `${name}: ${literal(value)}`).join(', ')} }`];
}

function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value.replace(/['\\]/g, '\\$&').replaceAll('\n', '\\n')}'`;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  return String(value);
}

/** The command that makes an image. */
export function commandOf(recipe: Recipe, { model, variant, device, hasSuperRes }: CodeContext): string {
  const { verb, prompt, negativePrompt, seed, sampling, strength, remaskRatio, iterations, margins } = recipe;
  const parts = ['npx', '@muse/cli', verb];
  if (verb !== 'generate') parts.push('image.png');
  if (prompt.trim() !== '') parts.push(quoted(prompt.trim()));
  if (verb === 'inpaint') parts.push('--mask', 'mask.png');
  if (negativePrompt.trim() !== '') parts.push('--negative', quoted(negativePrompt.trim()));
  parts.push('--seed', String(seed));
  const add = (flag: string, value: unknown) => {
    if (value !== undefined) parts.push(flag, Array.isArray(value) ? value.join(',') : String(value));
  };
  if (verb !== 'edit') {
    add('--steps', sampling.numSteps);
    add('--order', sampling.order);
    add('--mask-schedule', sampling.maskSchedule);
    add('--choice-temperature', sampling.choiceTemperature);
  } else if (iterations !== firstRecipe.iterations) add('--iterations', iterations);
  add('--guidance', sampling.guidanceScale);
  add('--guidance-schedule', sampling.guidanceSchedule);
  add('--sample-temperature', sampling.sampleTemperature);
  if (verb === 'edit' || verb === 'variations') add('--strength', strength);
  if (verb === 'edit' && remaskRatio !== firstRecipe.remaskRatio) add('--remask-ratio', remaskRatio);
  if (verb === 'outpaint') {
    for (const [side, pixels] of Object.entries(margins)) if (pixels > 0) add(`--${side}`, pixels);
  }
  if (hasSuperRes && !recipe.superRes) parts.push('--no-super-res');
  if (model !== BUNDLED_ID) add('--model', quoted(model));
  add('--variant', variant);
  add('--device', device);
  return parts.join(' ');
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
