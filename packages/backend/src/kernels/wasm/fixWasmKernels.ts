export function fixWasmKernels(): void {}
