import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Playground } from './Playground.tsx';
import { followLinks } from './shell/followLinks.ts';
import { keepOffline } from './shell/keepOffline.ts';
import './styles/base.css';
import './styles/layout.css';
import './styles/controls.css';
import './styles/stage.css';
import './styles/edit.css';
import './styles/hood.css';
import './styles/models.css';

void followLinks();
createRoot(document.getElementById('playground')!).render(
  <StrictMode>
    <Playground />
  </StrictMode>,
);
void keepOffline();
