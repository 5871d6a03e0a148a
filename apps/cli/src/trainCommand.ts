import { Argument, type Command } from 'commander';
import type { TrainFlags } from './commands/train.js';
import { deviceOption, notEmpty, oneOf } from './options.js';
import type { Io } from './terminal/io.js';
import { integerFrom, numberFrom, optimizers, trainingPresets, trainings } from './values.js';

export function addTrain(program: Command, io: Io, signal: AbortSignal): void {
  program
    .command('train')
    .summary('train a tokenizer, a transformer or a classifier')
    .description(
      'Trains a part of a model on emoji scenes or your images. Stopped at any moment, the same command goes on.',
    )
    .addArgument(new Argument('<part>', 'what to train').choices(trainings))
    .option('--run <folder>', 'checkpoints, metrics, previews and the model (default: runs/<part>)', notEmpty)
    .option('--data <folder>', 'your images, with name.txt, metadata.jsonl or .csv (default: emoji scenes)', notEmpty)
    .option(
      '--tokenizer <folder>',
      'a folder with vqgan/ (default for base: runs/tokenizer/model, for super-res: runs/fine-tokenizer/model)',
      notEmpty,
    )
    .option('--base <folder>', 'for super-res: the model of the first stage (default: runs/base/model)', notEmpty)
    .option('--image-size <pixels>', "for tokenizer: side of its images (default: the preset's)", integerFrom(1))
    .option('--perceptual <folder>', 'for tokenizer: a classifier (default: the one that is installed)', notEmpty)
    .option('--no-perceptual', 'for tokenizer: no perceptual term')
    .addOption(oneOf('--preset <name>', 'sizes of the network', trainingPresets).default('emoji'))
    .addOption(deviceOption())
    .option('--overfit-one-batch', 'learn one batch by heart, as a check of the set-up')
    .option('--json', 'a report on stdout for programs')
    .option('-q, --quiet', 'no progress')
    .optionsGroup('Settings (by default those of the bundled model):')
    .option('--steps <n>', 'optimizer steps', integerFrom(1))
    .option('--seed <n>', 'of weights, data and masks', integerFrom(0))
    .option('--batch-size <n>', 'images of a micro-batch', integerFrom(1))
    .option('--accumulation <n>', 'micro-batches of an optimizer step', integerFrom(1))
    .addOption(oneOf('--optimizer <name>', 'update rule', optimizers))
    .option('--learning-rate <x>', 'after the warm-up', numberFrom(0))
    .option('--final-learning-rate <x>', 'at the end of the cosine', numberFrom(0))
    .option('--warmup <n>', 'steps of the warm-up', integerFrom(0))
    .option('--weight-decay <x>', 'decoupled, of matrices', numberFrom(0))
    .option('--gradient-norm <x>', 'at which gradients are clipped', numberFrom(0))
    .option('--ema-decay <x>', 'of the mean weights, which are what is exported', numberFrom(0))
    .option('--checkpoint-every <n>', 'steps between checkpoints', integerFrom(1))
    .option('--preview-every <n>', 'steps between pictures; 0 for none', integerFrom(0))
    .option('--discriminator-start <n>', 'for tokenizer: the step from which on it plays', integerFrom(0))
    .option('--pool-size <n>', 'for base and super-res: images that are encoded before the first step', integerFrom(1))
    .addHelpText(
      'after',
      `
Examples:
  $ muse train tokenizer --overfit-one-batch --steps 300 --run runs/check
  $ muse train tokenizer
  $ muse train base --tokenizer runs/tokenizer/model
  $ muse train tokenizer --image-size 128 --run runs/fine-tokenizer
  $ muse train super-res --base runs/base/model --tokenizer runs/fine-tokenizer/model
  $ muse train tokenizer --data photos/ --run runs/photos
  $ muse generate "a smiling cat, 3D style" --model runs/base/model`,
    )
    .action(async (part: (typeof trainings)[number], flags: TrainFlags) => {
      const { train } = await import('./commands/train.js');
      await train(part, flags, io, signal);
    });
}
