import { Icon } from '../parts/Icon.tsx';
import { notify } from '../state/changes.ts';
import { update, useStore } from '../state/store.ts';

/** What went wrong and what to do, and what is good to know; said to screen readers by the live region. */
export function Messages() {
  const problem = useStore((state) => state.problem);
  const notice = useStore((state) => state.notice);
  const announcement = useStore((state) => state.announcement);
  return (
    <>
      <p className="hidden" role="status" aria-live="polite">
        {announcement}
      </p>
      <div className="messages">
        {problem && (
          <div className="message problem" role="alert">
            <p>
              <strong>{problem.title}</strong> {problem.advice}
              {problem.detail && (
                <details>
                  <summary>Details</summary>
                  <code>{problem.detail}</code>
                </details>
              )}
            </p>
            <Dismiss onClick={() => update((state) => ({ ...state, problem: undefined }))} />
          </div>
        )}
        {notice && (
          <div className="message">
            <p>{notice}</p>
            <Dismiss onClick={() => notify(undefined)} />
          </div>
        )}
      </div>
    </>
  );
}

function Dismiss({ onClick }: { readonly onClick: () => void }) {
  return (
    <button type="button" className="icon" aria-label="Dismiss" onClick={onClick}>
      <Icon name="close" />
    </button>
  );
}
