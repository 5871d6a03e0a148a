import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EditFlags, InpaintFlags, MaskFreeFlags, OutpaintFlags, VariationsFlags } from './commands/edits.js';
import {
  addDecodeOptions,
  addDrawOptions,
  addImageOptions,
  addMicroConditioning,
  addMoreOutput,
  addSuperResOptions,
  notEmpty,
} from './options.js';
import type { EditVerb } from './output/record.js';
import type { CommandContext } from './program.js';
import { box, integerFrom, share, unitInterval } from './values.js';

const IMAGE = 'PNG, JPEG, WebP, AVIF, GIF, TIFF or SVG, of any size';
const PRESERVE = 'keep the pixels under tokens that stay as they were';
const NO_DECODING =
  'It says which masked tokens are decided when; edit masks a random few at a time and decides all of them: see --iterations, --remask-ratio and --strength.';

/** The commands that make images from an image. */
export function addEditCommands(program: Command, context: CommandContext): void {
  addInpaint(program, context);
  addOutpaint(program, context);
  addEdit(program, context);
  addVariations(program, context);
  addUpscale(program, context);
}

/** A command with its image; the options of its own come first. */
function addVerb(program: Command, verb: EditVerb, summary: string): Command {
  return program.command(verb).summary(summary).argument('<image>', IMAGE);
}

interface Sampling {
  /** `--iterations` takes the place of decoding steps. */
  readonly isIterative?: boolean;
  /** The second stage is all there is. */
  readonly isSuperResOnly?: boolean;
}

/** The options that all have. */
function addShared(command: Command, verb: EditVerb, { isIterative, isSuperResOnly }: Sampling = {}): Command {
  command.option('-n, --negative <text>', 'what not to draw');
  addImageOptions(command, `<image>-${verb}-<seed>.png`);
  command.optionsGroup(`Sampling (by default as ${isIterative ? 'in the paper' : 'the model wants it'}):`);
  if (!isIterative) addDecodeOptions(command);
  addDrawOptions(command);
  if (!isSuperResOnly) addMicroConditioning(addSuperResOptions(command));
  return addMoreOutput(command);
}

function addInpaint(program: Command, context: CommandContext): void {
  const command = addVerb(program, 'inpaint', 'repaint a part of an image')
    .description('Paints the masked part of an image as the prompt says. All other pixels keep their values.')
    .argument('<prompt>', 'what the whole image is to show')
    .option('--mask <image>', "of the image's size: white or transparent is repainted", notEmpty)
    .option('--box <x,y,w,h>', 'the rectangle to repaint, in pixels from the top left', box)
    .option('--no-preserve-outside', 'take the pixels around the mask from the model as well');
  addShared(command, 'inpaint')
    .addHelpText(
      'after',
      `
Examples:
  $ muse inpaint photo.jpg "a cat with a red hat" --mask hat.png
  $ muse inpaint scene.png "an apple to the right of a dog" --box 32,16,32,32 --count 4 --grid`,
    )
    .action(async (image: string, prompt: string, flags: InpaintFlags) => {
      const { inpaint } = await import('./commands/edits.js');
      await inpaint(image, prompt, flags, context);
    });
}

function addOutpaint(program: Command, context: CommandContext): void {
  const pixels = integerFrom(0);
  const command = addVerb(program, 'outpaint', 'grow an image')
    .description('Grows an image on any side, as far as wanted. Its own pixels keep their values.')
    .argument('<prompt>', 'what the grown image is to show')
    .option('--left <n>', 'pixels to grow by', pixels)
    .option('--right <n>', 'pixels to grow by', pixels)
    .option('--top <n>', 'pixels to grow by', pixels)
    .option('--bottom <n>', 'pixels to grow by', pixels);
  addShared(command, 'outpaint')
    .addHelpText('after', '\nExample:\n  $ muse outpaint cat.png "a cat on a green background" --left 32 --right 32')
    .action(async (image: string, prompt: string, flags: OutpaintFlags) => {
      const { outpaint } = await import('./commands/edits.js');
      await outpaint(image, prompt, flags, context);
    });
}

function addEdit(program: Command, context: CommandContext): void {
  const command = addVerb(program, 'edit', 'change an image to what a prompt says, without a mask')
    .description('Changes an image to what the prompt says, a few tokens at a time, without a mask.')
    .argument('<prompt>', 'what the image is to show')
    .option('--strength <s>', 'share of the iterations to run, above 0 and at most 1 (default: 1)', share)
    .option('--iterations <n>', 'iterations at strength 1, also: --steps (default: 100)', integerFrom(1))
    .addOption(new Option('--steps <n>').argParser(integerFrom(1)).hideHelp())
    .option('--remask-ratio <r>', 'share of the tokens that an iteration samples anew (default: 0.08)', share)
    .option('--preserve-outside', PRESERVE);
  for (const option of ['--order', '--mask-schedule', '--choice-temperature']) refuse(command, option, NO_DECODING);
  addShared(command, 'edit', { isIterative: true })
    .addHelpText(
      'after',
      `
Examples:
  $ muse edit cat.png "a dog, 3D style" --negative "a cat, 3D style"
  $ muse edit cat.png "a cat, flat style" --strength 0.5 --steps-gif`,
    )
    .action(async (image: string, prompt: string, flags: MaskFreeFlags) => {
      const { edit } = await import('./commands/edits.js');
      await edit(image, prompt, flags, context);
    });
}

/** An option that others have and that would mean nothing here: says why instead of passing for a mistyped one. */
function refuse(command: Command, option: string, why: string): void {
  const parse = () => {
    throw new InvalidArgumentError(why);
  };
  command.addOption(new Option(`${option} <x>`).argParser(parse).hideHelp());
}

function addVariations(program: Command, context: CommandContext): void {
  const command = addVerb(program, 'variations', 'make images like an image')
    .description('Makes images like an image: a random share of its tokens is sampled anew.')
    .argument('[prompt]', 'what they are to show, to guide them')
    .option('--strength <s>', 'share of the tokens (aMUSEd: steps) sampled anew: 0 none, 1 all', unitInterval, 0.5)
    .option('--preserve-outside', PRESERVE);
  addShared(command, 'variations')
    .addHelpText(
      'after',
      `
Examples:
  $ muse variations cat.png --count 9 --grid
  $ muse variations cat.png "a smiling cat, 3D style" --strength 0.8`,
    )
    .action(async (image: string, prompt: string | undefined, flags: VariationsFlags) => {
      const { variations } = await import('./commands/edits.js');
      await variations(image, prompt, flags, context);
    });
}

function addUpscale(program: Command, context: CommandContext): void {
  const command = addVerb(program, 'upscale', "a model's second stage alone, on any image")
    .description("Makes the fine image of a coarse one: a model's super-resolution stage alone.")
    .argument('<prompt>', 'what the image shows');
  addShared(command, 'upscale', { isSuperResOnly: true })
    .addHelpText('after', '\nExample:\n  $ muse upscale cat.png "a smiling cat, 3D style"')
    .action(async (image: string, prompt: string, flags: EditFlags) => {
      const { upscale } = await import('./commands/edits.js');
      await upscale(image, prompt, flags, context);
    });
}
