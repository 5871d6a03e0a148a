export function fixCpuKernels(): void {}
