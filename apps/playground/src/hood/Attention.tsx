import type { TextAttention } from '@muse/muse/worker';
import { type CSSProperties, useEffect, useState } from 'react';
import { loadedMuse } from '../session/session.ts';
import type { Result, StepRecord } from '../state/result.ts';
import { useStore } from '../state/store.ts';

interface AttentionProps {
  readonly result: Result;
  readonly step: StepRecord;
  readonly position: number;
}

/** What a token looks at: the prompt's words, the more the darker. */
export function Attention({ result, step, position }: AttentionProps) {
  const isFree = useStore(({ work, model }) => work === undefined && model.status === 'ready');
  const isItsModel = useStore(({ choice }) => choice === result.choice);
  const [found, setFound] = useState<{ step: StepRecord; attention: TextAttention } | 'none' | undefined>();
  const base = baseStep(result, step);
  const isBase = base === step;
  const { prompt } = result.image.settings;
  useEffect(() => {
    const muse = loadedMuse();
    if (!isFree || !isItsModel || !muse || !base || prompt === '') return;
    let isCurrent = true;
    muse
      .attention({ prompt, tokenIds: base.tokenIds })
      .then((attention) => isCurrent && setFound({ step: base, attention }))
      .catch(() => isCurrent && setFound('none'));
    return () => {
      isCurrent = false;
    };
  }, [isFree, isItsModel, base, prompt]);
  if (prompt === '') return null;
  if (!isItsModel)
    return <p className="hint">The model that made this image is not loaded: no attention to look at.</p>;
  if (found === 'none') return <p className="hint">This model does not let its attention be looked at.</p>;
  const isReady = found !== undefined && found.step === base;
  const words = isReady
    ? wordsOf(found.attention, isBase ? position : under(position, step, found.step))
    : prompt.split(/\s+/).map((text) => ({ text, weight: 0 }));
  const most = Math.max(...words.map(({ weight }) => weight), 1e-6);
  return (
    <figure className="attention" aria-busy={!isReady}>
      <p>
        {words.map(({ text, weight }, i) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: words may repeat
            key={i}
            className="word"
            style={{ '--weight': weight / most } as CSSProperties}
            title={`${Math.round(100 * weight)} %`}
          >
            {text}
            <small>{Math.round(100 * weight)} %</small>
          </span>
        ))}
      </p>
      <figcaption>
        How much {isBase ? 'this token' : 'the first stage’s token under this one'} looks at each word, over all layers
        and heads
      </figcaption>
    </figure>
  );
}

/** Attention is that of the first stage; the second one's steps show how it ended. */
function baseStep(result: Result, step: StepRecord): StepRecord | undefined {
  return step.stage === 'base' ? step : result.steps.findLast(({ stage }) => stage === 'base');
}

/** The token of a coarser grid at the place of a finer one's. */
function under(position: number, { grid: [h, w] }: StepRecord, { grid: [baseH, baseW] }: StepRecord): number {
  const row = Math.floor((Math.floor(position / w) * baseH) / h);
  return row * baseW + Math.floor(((position % w) * baseW) / w);
}

/** Pieces put together to words; the end-of-text token is one of its own. */
function wordsOf({ pieces, weights, shape }: TextAttention, position: number): { text: string; weight: number }[] {
  const words: { text: string; weight: number }[] = [];
  pieces.forEach((piece, i) => {
    const weight = weights[position * shape[1] + i] ?? 0;
    const last = words.at(-1);
    if (piece === '</s>') words.push({ text: '(end)', weight });
    else if (piece.startsWith('▁') || !last) words.push({ text: piece.replace(/^▁/, ''), weight });
    else words[words.length - 1] = { text: last.text + piece, weight: last.weight + weight };
  });
  return words.filter(({ text }) => text !== '');
}
