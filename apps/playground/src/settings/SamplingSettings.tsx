import type { DecodeOrder, GuidanceSchedule } from '@muse/sampler';
import { NumberField, SelectField } from '../parts/Field.tsx';
import { changeRecipe, changeSampling } from '../state/changes.ts';
import { useStore } from '../state/store.ts';
import { NegativeField } from './NegativeField.tsx';

const orders: readonly (readonly [DecodeOrder, string])[] = [
  ['confidence', 'Surest first (MaskGIT)'],
  ['halton', 'Spread out (Halton)'],
];

const schedules: readonly (readonly [GuidanceSchedule, string])[] = [
  ['linear', 'Rising'],
  ['constant', 'Constant'],
  ['cosine', 'Rising, cosine'],
  ['interval', 'In the second half'],
];

/** How tokens are sampled. What is left empty is as the model wants it. */
export function SamplingSettings() {
  const { verb, sampling, superRes, strength, remaskRatio, iterations } = useStore(({ recipe }) => recipe);
  const facts = useStore(({ model }) => (model.status === 'ready' ? model.facts : undefined));
  const own = facts?.index.sampling;
  const isEdit = verb === 'edit';
  return (
    <details className="settings panel">
      <summary>Settings</summary>
      <div className="settings-body">
        {!isEdit && <NegativeField />}
        {(isEdit || verb === 'variations') && (
          <NumberField
            label="Strength"
            hint="How much may change: 0 nothing, 1 everything"
            value={strength}
            min={isEdit ? 0.05 : 0}
            max={1}
            step={0.05}
            onChange={(value) => changeRecipe({ strength: Math.min(1, value ?? 0.5) })}
          />
        )}
        {isEdit ? (
          <>
            <NumberField
              label="Iterations"
              hint="At full strength"
              value={iterations}
              min={1}
              max={200}
              step={1}
              onChange={(value) => changeRecipe({ iterations: Math.round(value ?? 100) })}
            />
            <NumberField
              label="Tokens per iteration"
              hint="Share that is sampled anew each time"
              value={remaskRatio}
              min={0.01}
              max={1}
              step={0.01}
              onChange={(value) => changeRecipe({ remaskRatio: Math.min(1, value ?? 0.08) })}
            />
          </>
        ) : (
          <>
            <NumberField
              label="Steps"
              hint="In how many steps the tokens are decided"
              value={sampling.numSteps}
              fallback={own?.numSteps ?? 12}
              min={1}
              max={64}
              step={1}
              onChange={(value) => changeSampling({ numSteps: value && Math.round(value) })}
            />
            <SelectField
              label="Order"
              hint="Which tokens are decided first"
              value={sampling.order ?? own?.order ?? 'confidence'}
              choices={orders}
              onChange={(order) => changeSampling({ order })}
            />
          </>
        )}
        <NumberField
          label="Guidance"
          hint="How closely to follow the prompt"
          value={sampling.guidanceScale}
          fallback={isEdit ? 4 : (own?.guidanceScale ?? 3)}
          min={0}
          max={12}
          step={0.5}
          onChange={(guidanceScale) => changeSampling({ guidanceScale })}
        />
        <SelectField
          label="Guidance over the steps"
          value={sampling.guidanceSchedule ?? (isEdit ? 'constant' : (own?.guidanceSchedule ?? 'linear'))}
          choices={schedules}
          onChange={(guidanceSchedule) => changeSampling({ guidanceSchedule })}
        />
        <NumberField
          label="Token temperature"
          hint="0 always takes the likeliest token"
          value={sampling.sampleTemperature}
          fallback={isEdit ? 1 : (own?.sampleTemperature ?? 1)}
          min={0}
          max={2}
          step={0.1}
          onChange={(sampleTemperature) => changeSampling({ sampleTemperature })}
        />
        {!isEdit && (
          <NumberField
            label="Order temperature"
            hint="Noise on which tokens come first"
            value={sampling.choiceTemperature?.[0]}
            fallback={own?.choiceTemperature[0] ?? 2}
            min={0}
            max={10}
            step={0.5}
            onChange={(value) => changeSampling({ choiceTemperature: value === undefined ? undefined : [value, 0] })}
          />
        )}
        {facts?.hasSuperRes && (
          <label className="check">
            <input
              type="checkbox"
              checked={superRes}
              onChange={({ target }) => changeRecipe({ superRes: target.checked })}
            />
            Second stage, in more detail
          </label>
        )}
        <button
          type="button"
          className="quiet"
          disabled={Object.keys(sampling).length === 0}
          onClick={() => changeRecipe({ sampling: {} })}
        >
          Back to the model’s own
        </button>
      </div>
    </details>
  );
}
