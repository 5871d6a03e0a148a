import { megabytes } from '../parts/units.ts';
import { useStore } from '../state/store.ts';

/** Name, model and device. */
export function Header({ onModels }: { readonly onModels: () => void }) {
  const choice = useStore((state) => state.choice);
  const model = useStore((state) => state.model);
  return (
    <header className="top">
      <h1>
        <img src="./icon.svg" alt="" width="28" height="28" /> Muse
      </h1>
      <p className="model-line">
        {model.status === 'ready' ? (
          <span title={model.facts.deviceReason}>
            {model.facts.deviceDescription}
            {model.memory && ` · ${megabytes(model.memory.gpuBytes ?? model.memory.tensorBytes)} in use`}
          </span>
        ) : model.status === 'loading' ? (
          <span>
            loading {megabytes(model.loadedBytes)} of {megabytes(model.totalBytes)}
          </span>
        ) : (
          <span>{choice.sizeBytes ? `${megabytes(choice.sizeBytes)} to load` : 'not loaded'}</span>
        )}
      </p>
      <button type="button" className="model-button" aria-haspopup="dialog" onClick={onModels}>
        <span>{choice.title}</span>
      </button>
    </header>
  );
}
