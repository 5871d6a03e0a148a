import type { ReactNode } from 'react';

interface StagesProps {
  /** Width / height. */
  readonly aspect?: number;
  /** Of a model with two stages: what the first one made. */
  readonly first?: { readonly picture: ReactNode; readonly caption: string };
  /** The picture, or that of the second stage. */
  readonly children: ReactNode;
  /** Of the second stage. */
  readonly caption?: string;
}

/** The large picture; of a model with two stages both, side by side, or one below the other where it is narrow. */
export function Stages({ aspect = 1, first, children, caption }: StagesProps) {
  return (
    <div className="stages">
      {first && (
        <figure className="first-stage">
          <div className="frame" style={{ aspectRatio: aspect }}>
            {first.picture}
          </div>
          <figcaption>{first.caption}</figcaption>
        </figure>
      )}
      <figure>
        <div className="frame" style={{ aspectRatio: aspect }}>
          {children}
        </div>
        {first && <figcaption>{caption}</figcaption>}
      </figure>
    </div>
  );
}
