import { useEffect, useState } from 'react';
import { listenForImages } from './edit/openFile.ts';
import { UnderTheHood } from './hood/UnderTheHood.tsx';
import { ModelsDialog } from './models/ModelsDialog.tsx';
import { PromptForm } from './prompt/PromptForm.tsx';
import { SamplingSettings } from './settings/SamplingSettings.tsx';
import { Header } from './shell/Header.tsx';
import { Messages } from './shell/Messages.tsx';
import { History } from './stage/History.tsx';
import { Stage } from './stage/Stage.tsx';

/** The page. */
export function Playground() {
  const [isChoosing, setChoosing] = useState(false);
  useEffect(() => listenForImages(window), []);
  return (
    <>
      <Header onModels={() => setChoosing(true)} />
      <main>
        <div className="controls">
          <PromptForm />
          <SamplingSettings />
        </div>
        <div className="view">
          <Messages />
          <Stage />
          <History />
          <UnderTheHood />
        </div>
      </main>
      <ModelsDialog isOpen={isChoosing} onClose={() => setChoosing(false)} />
    </>
  );
}
