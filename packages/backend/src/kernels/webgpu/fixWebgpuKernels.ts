export function fixWebgpuKernels(): void {}
