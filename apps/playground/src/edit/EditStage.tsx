import type { RgbaImage } from '@muse/muse';
import { type ChangeEvent, useRef } from 'react';
import { Icon } from '../parts/Icon.tsx';
import { Picture } from '../parts/Picture.tsx';
import { openImage } from '../state/changes.ts';
import { useStore } from '../state/store.ts';
import { MaskEditor } from './MaskEditor.tsx';
import { OutpaintFrame } from './OutpaintFrame.tsx';
import { openFile } from './openFile.ts';

/** The image to work on, with the tools of what is to be done. */
export function EditStage({ isDisabled }: { readonly isDisabled: boolean }) {
  const verb = useStore(({ recipe }) => recipe.verb);
  const image = useStore(({ recipe }) => recipe.image);
  return (
    <fieldset className="edit-stage" disabled={isDisabled}>
      <legend className="hidden">The image to work on</legend>
      {!image ? (
        <div className="drop-hint">
          <p>Drop an image anywhere on the page, or paste it.</p>
          <OpenTools image={image} />
        </div>
      ) : verb === 'inpaint' ? (
        <MaskEditor key={`${image.width}x${image.height}`} image={image} />
      ) : verb === 'outpaint' ? (
        <OutpaintFrame image={image} />
      ) : (
        <div className="frame source" style={{ aspectRatio: `${image.width} / ${image.height}` }}>
          <Picture image={image} label="The image to work on" />
        </div>
      )}
      {image && <OpenTools image={image} />}
    </fieldset>
  );
}

/** Ways to another image; the pictures above stay side by side. */
function OpenTools({ image }: { readonly image: RgbaImage | undefined }) {
  const latest = useStore(({ results }) => results.find(({ image: made }) => made !== undefined)?.image);
  const input = useRef<HTMLInputElement>(null);
  const onFile = ({ target }: ChangeEvent<HTMLInputElement>) => {
    void openFile(target.files?.[0]);
    target.value = '';
  };
  return (
    <div className="edit-tools">
      <button type="button" onClick={() => input.current!.click()}>
        <Icon name="open" /> {image ? 'Open another' : 'Open an image'}
      </button>
      <input ref={input} type="file" accept="image/*" hidden aria-label="Image file" onChange={onFile} />
      {latest && latest.data !== image?.data && (
        <button type="button" onClick={() => openImage(latest)}>
          Use the last result
        </button>
      )}
    </div>
  );
}
