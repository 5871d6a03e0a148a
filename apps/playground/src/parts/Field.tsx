import { type ReactNode, useId } from 'react';

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly children: (id: string) => ReactNode;
}

/** A labelled control. */
export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id} title={hint}>
        {label}
      </label>
      {children(id)}
    </div>
  );
}

interface NumberFieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: number | undefined;
  /** Shown while nothing is given: what the model takes. */
  readonly fallback?: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onChange: (value: number | undefined) => void;
}

/** A number with its slider; emptied, it is the fallback again. */
export function NumberField({ label, hint, value, fallback, min, max, step, onChange }: NumberFieldProps) {
  const shown = value ?? fallback ?? min;
  return (
    <Field label={label} hint={hint}>
      {(id) => (
        <div className="number-field">
          <input
            type="range"
            aria-label={`${label}, slider`}
            min={min}
            max={max}
            step={step}
            value={Math.min(max, shown)}
            onChange={(event) => onChange(event.target.valueAsNumber)}
          />
          <input
            id={id}
            type="number"
            inputMode="decimal"
            min={min}
            step={step}
            value={value ?? ''}
            placeholder={fallback === undefined ? '' : String(fallback)}
            onChange={(event) => {
              const number = event.target.valueAsNumber;
              onChange(Number.isNaN(number) ? undefined : Math.max(min, number));
            }}
          />
        </div>
      )}
    </Field>
  );
}

interface SelectFieldProps<T extends string> {
  readonly label: string;
  readonly hint?: string;
  /** One of the choices; a model may ask for another, and none is shown as chosen. */
  readonly value: string;
  readonly choices: readonly (readonly [value: T, label: string])[];
  readonly onChange: (value: T) => void;
}

export function SelectField<T extends string>({ label, hint, value, choices, onChange }: SelectFieldProps<T>) {
  return (
    <Field label={label} hint={hint}>
      {(id) => (
        <select id={id} value={value} onChange={({ target }) => onChange(choices[target.selectedIndex]![0])}>
          {choices.map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
