import { useEffect } from 'react';
import { Icon } from '../parts/Icon.tsx';
import { notify } from '../state/changes.ts';
import { update, useStore } from '../state/store.ts';

/** Long enough to be read twice; it was said to screen readers, and can be sent away before. */
const NOTICE_MS = 9000;

/** What went wrong and what to do, and what is good to know; said to screen readers by the live region. */
export function Messages() {
  const problem = useStore((state) => state.problem);
  const notice = useStore((state) => state.notice);
  const announcement = useStore((state) => state.announcement);
  useEffect(() => {
    if (notice === undefined) return;
    const timer = setTimeout(() => notify(undefined), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return (
    <>
      <p className="hidden" role="status" aria-live="polite">
        {announcement}
      </p>
      <div className="messages">
        {problem && (
          <div className="message problem" role="alert">
            <div className="message-text">
              <strong>{problem.title}</strong> <span>{problem.advice}</span>
              {problem.detail && (
                <details>
                  <summary>Details</summary>
                  <code>{problem.detail}</code>
                </details>
              )}
            </div>
            <Dismiss onClick={() => update((state) => ({ ...state, problem: undefined }))} />
          </div>
        )}
        {notice && (
          <div className="message">
            <p className="message-text">{notice}</p>
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
