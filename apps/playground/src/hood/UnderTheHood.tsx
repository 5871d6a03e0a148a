import { useState } from 'react';
import type { Result, StepRecord } from '../state/result.ts';
import { selectedResult } from '../state/state.ts';
import { useStore } from '../state/store.ts';
import { Attention } from './Attention.tsx';
import { ConfidenceCurve } from './ConfidenceCurve.tsx';
import { TokenGrid } from './TokenGrid.tsx';

/** The tokens of the chosen image at the step that is shown; nothing before there is one. */
export function UnderTheHood() {
  const result = useStore(selectedResult);
  const shownStep = useStore((state) => state.shownStep);
  const [isOpen, setOpen] = useState(false);
  const step = result?.steps[shownStep ?? result.steps.length - 1];
  if (!result) return null;
  return (
    <details className="hood panel" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Under the hood</summary>
      {isOpen && step && <HoodOf key={result.id} result={result} step={step} />}
    </details>
  );
}

function HoodOf({ result, step }: { readonly result: Result; readonly step: StepRecord }) {
  const [position, setPosition] = useState(0);
  const at = Math.min(position, step.tokenIds.length - 1);
  return (
    <div className="hood-body">
      <TokenGrid steps={result.steps} step={step} position={at} onPosition={setPosition} />
      <div className="hood-side">
        <ConfidenceCurve steps={result.steps} shown={step} />
        <Attention result={result} step={step} position={at} />
      </div>
    </div>
  );
}
