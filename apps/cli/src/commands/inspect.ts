import type { ModelIndex } from '@muse/checkpoint';
import { byteSize } from '../terminal/duration.js';
import type { Io } from '../terminal/io.js';
import { table } from '../terminal/table.js';
import { type SourceFlags, sourceOptions } from './modelFlags.js';

export interface InspectFlags extends SourceFlags {
  readonly json?: boolean;
}

/** One part of a model as `--json` has it. */
interface ComponentReport {
  readonly name: string;
  readonly class: string;
  readonly parameters: number;
  readonly tensors: number;
  /** Of the weights. */
  readonly sizeBytes: number;
  /** Bytes by dtype. */
  readonly dtypes: Readonly<Record<string, number>>;
  readonly config: unknown;
}

interface ModelReport {
  readonly location: string;
  readonly name: string;
  readonly license: string;
  readonly imageSize: ModelIndex['imageSize'];
  readonly sampling: ModelIndex['sampling'];
  readonly superResImageSize?: ModelIndex['superResImageSize'];
  readonly superResSampling?: ModelIndex['superResSampling'];
  readonly components: readonly ComponentReport[];
  readonly parameters: number;
  readonly sizeBytes: number;
}

/** `muse inspect`: what a model folder holds. Reads headers only; no device is needed. */
export async function inspect(model: string, flags: InspectFlags, io: Io, signal: AbortSignal): Promise<void> {
  const { json = false } = flags;
  const { resolveModelFolder } = await import('@muse/muse/node');
  const { openModelFolder } = await import('@muse/checkpoint');
  const source = await resolveModelFolder(model, { ...sourceOptions(flags), signal, resolveFrom: import.meta.url });
  const folder = await openModelFolder(source);
  const components: ComponentReport[] = [];
  for (const name of folder.weighted) {
    const component = await folder.component(name);
    const checkpoint = await component.checkpoint();
    try {
      const infos = checkpoint.names.map((tensor) => checkpoint.info(tensor));
      const dtypes: Record<string, number> = {};
      for (const { dtype, sizeBytes } of infos) dtypes[dtype] = (dtypes[dtype] ?? 0) + sizeBytes;
      components.push({
        name,
        class: folder.index.components[name]!,
        parameters: infos.reduce((sum, { shape }) => sum + shape.reduce((size, side) => size * side, 1), 0),
        tensors: infos.length,
        sizeBytes: infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        dtypes,
        config: component.config,
      });
    } finally {
      await checkpoint.close();
    }
  }
  const { name, license, imageSize, sampling, superResImageSize, superResSampling } = folder.index;
  const total = (field: 'parameters' | 'sizeBytes') => components.reduce((sum, one) => sum + one[field], 0);
  const report: ModelReport = {
    location: source.location,
    name,
    license,
    imageSize,
    sampling,
    ...(superResSampling && { superResImageSize, superResSampling }),
    components,
    parameters: total('parameters'),
    sizeBytes: total('sizeBytes'),
  };
  io.out(json ? `${JSON.stringify(report, null, 2)}\n` : describe(report));
}

function describe(report: ModelReport): string {
  const rows = [
    ['component', 'class', 'parameters', 'tensors', 'size', 'dtype'],
    ...report.components.map((one) => [
      one.name,
      one.class,
      one.parameters.toLocaleString('en'),
      String(one.tensors),
      byteSize(one.sizeBytes),
      Object.keys(one.dtypes).join(', '),
    ]),
    ['total', '', report.parameters.toLocaleString('en'), '', byteSize(report.sizeBytes), ''],
  ];
  const { imageSize, sampling, superResImageSize, superResSampling } = report;
  return `${[
    `${report.name}  (${report.location})`,
    `licence   ${report.license}`,
    `images    ${describeSize(imageSize)}${superResImageSize ? `, then ${describeSize(superResImageSize)}` : ''}`,
    `sampling  ${describeSampling(sampling)}`,
    ...(superResSampling ? [`          ${describeSampling(superResSampling)}`] : []),
    '',
    table(rows),
  ].join('\n')}\n`;
}

function describeSize([height, width]: ModelIndex['imageSize']): string {
  return `${width} × ${height}`;
}

function describeSampling(sampling: ModelIndex['sampling']): string {
  const { numSteps, guidanceScale, guidanceSchedule, order, maskSchedule } = sampling;
  return `${numSteps} steps, guidance ${guidanceScale} ${guidanceSchedule}, ${maskSchedule} masks, ${order} order`;
}
