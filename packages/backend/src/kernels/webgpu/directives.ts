/// <reference types="@webgpu/types" />
import type { GemmTile } from './gemmTiles.js';
import type { Arithmetic } from './gemmWgsl.js';

/** Lines that WGSL wants before all else. */
const DIRECTIVE = /^(?:enable|diagnostic).*;$/gm;
/** A line that asks for an attribute of the entry point. */
const ATTRIBUTE = /^\/\/ (@subgroup_size\(\d+\))$/m;

/**
 * What the code of a product says of the device's features that it needs: `shader-f16`, `subgroups`, subgroup matrices.
 *
 * @param isPinned the device has subgroups of several sizes, so the product says which
 */
export function directivesFor(
  { tile, arithmetic }: { readonly tile: GemmTile; readonly arithmetic: Arithmetic },
  isPinned: boolean,
): string {
  const bySubgroups = tile.kind !== 'memory';
  return [
    arithmetic === 'f16' && 'enable f16;',
    bySubgroups && 'enable subgroups;',
    tile.kind === 'matrices' && 'enable chromium_experimental_subgroup_matrix;',
    // Where a matrix is, is told by the thread's index, of which WGSL can't see that a subgroup agrees about it.
    tile.kind === 'matrices' && 'diagnostic(off, chromium.subgroup_matrix_uniformity);',
    bySubgroups && isPinned && 'enable subgroup_size_control;',
    bySubgroups && isPinned && `// @subgroup_size(${tile.kind === 'matrices' ? tile.subgroupSize : tile.width})`,
  ]
    .filter(Boolean)
    .join('\n');
}

/** tfjs writes its own head and entry point around a kernel's code: what belongs into them is moved there. */
export function hoistDirectives(device: GPUDevice): void {
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    const { code } = descriptor;
    const directives = code.match(DIRECTIVE);
    if (!directives) return create(descriptor);
    const attribute = ATTRIBUTE.exec(code)?.[1] ?? '';
    const body = code.replace(DIRECTIVE, '').replace('@compute', `@compute ${attribute}`);
    return create({ ...descriptor, code: `${directives.join('\n')}\n${body}` });
  };
}
