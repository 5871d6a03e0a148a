import ts from 'typescript';

/** The first ```ts block of a README, or undefined. */
export function readmeExample(readme: string): string | undefined {
  return readme.match(/^```ts\r?\n([\s\S]*?)^```/m)?.[1];
}

/** TypeScript → JavaScript for Node, types dropped and nothing else. */
export function stripTypes(source: string): string {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}

/** Type errors of files against the packages installed beside them, one line each. */
export function typeErrors(files: readonly string[], typeRoots: readonly string[]): string[] {
  const program = ts.createProgram(files, {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
    strict: true,
    noEmit: true,
    // tfjs's own types refer to packages that it does not install.
    skipLibCheck: true,
    typeRoots: [...typeRoots],
    types: ['node'],
  });
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName ?? ''}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}
