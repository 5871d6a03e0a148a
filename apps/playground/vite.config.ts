import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { bundledModel } from './build/bundledModel.ts';
import { contentSecurityPolicy } from './build/contentSecurityPolicy.ts';
import { serviceWorker } from './build/serviceWorker.ts';
import { wasmThreads } from './build/wasmThreads.ts';

const nothing = fileURLToPath(new URL('./build/nothing.js', import.meta.url));

/** Threads of WebAssembly are for pages that are isolated. */
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
  // Relative: the built page works under any path.
  base: './',
  plugins: [react(), bundledModel(), contentSecurityPolicy(), serviceWorker(), wasmThreads()],
  worker: { format: 'es', plugins: () => [wasmThreads()] },
  resolve: {
    alias: [
      // Layers, converter, data and WebGL of @tensorflow/tfjs: half a megabyte that nothing calls.
      { find: /^@tensorflow\/tfjs-(layers|converter|data|backend-webgl)$/, replacement: nothing },
    ],
  },
  server: { headers },
  preview: { headers },
  build: { target: 'es2022', reportCompressedSize: false },
});
