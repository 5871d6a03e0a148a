import type { EditedImage, GeneratedImage, GenerationStep, InpaintOptions } from '@muse/muse';
import type { RemoteMuse } from '@muse/muse/worker';
import { addResult, announce, notify } from '../state/changes.ts';
import { missingOf, numImages, optionsOf, type Recipe, randomSeed } from '../state/recipe.ts';
import type { StepRecord } from '../state/result.ts';
import { getState, update } from '../state/store.ts';
import { isAbort, isDeviceLoss, isWorkerLoss, problemOf } from './problems.ts';
import { endWorker, ensureMuse, readMemory, stopLoading } from './session.ts';
import { Stopwatch } from './stopwatch.ts';

let controller: AbortController | undefined;
let lastId = 0;

/** Makes what the form says, loading the model first if need be. */
export async function make(): Promise<void> {
  if (controller) return;
  const state = getState();
  const seed = state.isSeedLocked || state.results.length === 0 ? state.recipe.seed : randomSeed();
  const recipe: Recipe = { ...state.recipe, seed };
  const missing = missingOf(recipe);
  if (missing) {
    update((now) => ({ ...now, problem: { title: missing, advice: '' }, announcement: missing }));
    return;
  }
  controller = new AbortController();
  const { signal } = controller;
  update((now) => ({ ...now, recipe: { ...now.recipe, seed }, problem: undefined, notice: undefined }));
  showStage();
  try {
    await withRecovery(recipe, signal);
  } catch (error) {
    // Another model, asked for meanwhile, ends the work on this one.
    if (signal.aborted || isAbort(error)) announce('Cancelled.');
    else {
      const problem = problemOf(error);
      update((now) => ({ ...now, problem, announcement: `${problem.title} ${problem.advice}` }));
    }
  } finally {
    controller = undefined;
    update((now) => ({ ...now, work: undefined }));
  }
}

/** On a narrow screen the image is below the form. */
function showStage(): void {
  const stage = document.getElementById('stage');
  if (!stage || stage.getBoundingClientRect().top < window.innerHeight / 2) return;
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  stage.scrollIntoView({ behavior: isCalm ? 'auto' : 'smooth' });
}

/** Stops at the end of the pass of the network that is under way. */
export function cancel(): void {
  stopLoading();
  controller?.abort();
  update((state) => (state.work ? { ...state, work: { ...state.work, isCancelling: true } } : state));
}

/** Repeats the work once when the GPU was lost: nothing of it is, and the same seed gives the same image. */
async function withRecovery(recipe: Recipe, signal: AbortSignal): Promise<void> {
  const muse = await ensureMuse();
  if (!muse) return;
  try {
    await run(muse, recipe, signal);
  } catch (error) {
    const isLost = isDeviceLoss(error) || isWorkerLoss(error);
    if (!isLost) throw error;
    endWorker();
    update((state) => ({ ...state, model: { status: 'absent' } }));
    if (!isDeviceLoss(error)) throw error;
    notify('The GPU was lost. It is started again, and the image begun anew.');
    const again = await ensureMuse();
    if (again) await run(again, recipe, signal);
  }
}

async function run(muse: RemoteMuse, recipe: Recipe, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const count = numImages(recipe);
  const { choice } = getState();
  const steps: StepRecord[][] = Array.from({ length: count }, () => []);
  const show = () =>
    update((state) => ({
      ...state,
      work: { recipe, steps: steps.map((list) => [...list]), isCancelling: signal.aborted },
    }));
  show();
  announce(count > 1 ? `Making ${count} images.` : 'Making an image.');
  const watch = new Stopwatch();
  const onStep = async (step: GenerationStep) => {
    watch.step(step.stage);
    const { grid, tokenIds, candidates, confidence, guidanceScale } = step;
    steps[step.image]!.push({
      stage: step.stage,
      step: step.step,
      numSteps: step.numSteps,
      grid,
      tokenIds,
      candidates,
      confidence,
      guidanceScale,
      numMasked: step.numMasked[0]!,
      preview: await step.preview(),
    });
    show();
    if (step.step === Math.ceil(step.numSteps / 2)) announce(`Step ${step.step} of ${step.numSteps}.`);
  };
  const onImage = (image: GeneratedImage | EditedImage) => {
    const index = image.seed - recipe.seed;
    const own = { ...recipe, seed: image.seed, count: 1 };
    addResult({
      id: ++lastId,
      recipe: own,
      image,
      steps: steps[index]!,
      times: watch.lap(),
      device: muse.facts.device,
      choice,
      modelName: muse.facts.index.name,
      hasSuperRes: muse.hasSuperRes,
    });
    announce(`Image ${index + 1} of ${count} is done, seed ${image.seed}.`);
  };
  const hooks = { signal, onStep };
  const { image, mask } = recipe;
  const options = { ...optionsOf(recipe, muse.hasSuperRes), ...hooks };
  const withImage = { ...options, image } as InpaintOptions;
  switch (recipe.verb) {
    case 'generate':
      await muse.generate({ prompt: recipe.prompt, ...options, onImage });
      break;
    case 'inpaint':
      onImage(await muse.inpaint({ ...withImage, mask: mask! }));
      break;
    case 'outpaint':
      onImage(await muse.outpaint(withImage));
      break;
    case 'edit':
      onImage(await muse.edit(withImage));
      break;
    case 'variations':
      await muse.variations({ ...withImage, strength: recipe.strength, onImage });
      break;
    default:
      recipe.verb satisfies never;
  }
  void readMemory();
}
