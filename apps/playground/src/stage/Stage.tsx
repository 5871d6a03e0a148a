import { EditStage } from '../edit/EditStage.tsx';
import { selectedResult } from '../state/state.ts';
import { useStore } from '../state/store.ts';
import { ResultView } from './ResultView.tsx';
import { Welcome } from './Welcome.tsx';
import { WorkView } from './WorkView.tsx';

/** The large picture: what is being made, what was made, or what is to be worked on. */
export function Stage() {
  const work = useStore((state) => state.work);
  const result = useStore(selectedResult);
  const verb = useStore(({ recipe }) => recipe.verb);
  const isLoading = useStore(({ model }) => model.status === 'loading');
  return (
    <section
      className={`stage ${verb === 'generate' ? '' : 'with-source'}`}
      id="stage"
      aria-label="Image"
      aria-busy={work !== undefined}
    >
      {verb !== 'generate' && <EditStage isDisabled={work !== undefined} />}
      {work ? (
        <WorkView work={work} />
      ) : isLoading || !result ? (
        <Welcome />
      ) : (
        <ResultView key={result.id} result={result} />
      )}
    </section>
  );
}
