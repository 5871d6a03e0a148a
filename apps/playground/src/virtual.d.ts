declare module 'virtual:bundled-model' {
  /** Where the model lies, relative to the page, and what there is to download. */
  export const bundledModel: { readonly folder: string; readonly sizeBytes: number; readonly hasSuperRes: boolean };
  export const wasmFolder: string;
}
