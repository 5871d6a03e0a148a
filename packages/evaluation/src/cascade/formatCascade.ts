import type { CascadeReport } from './evaluateCascade.js';

/** A table of Markdown: the base alone and the cascade side by side, for each set of pictures. */
export function formatCascade(reports: Readonly<Record<string, CascadeReport>>): string {
  const header = ['pictures', 'measure', 'base alone', 'cascade'];
  const rows = Object.entries(reports).flatMap(([name, report]) => {
    const { baseSize, fineSize, fid, fidAtBaseSize, edges, pixels, edgesNearer, agreement, count } = report;
    const decibels = (psnr: number) => `${psnr.toFixed(2)} dB`;
    const { share, low, high } = edgesNearer;
    const [nearer, least, most] = [share, low, high].map((x) => (100 * x).toFixed(1));
    return [
      [`${name} (${count})`, `FID at ${fineSize} px`, fid.base.toFixed(3), fid.cascade.toFixed(3)],
      ['', `FID at ${baseSize} px`, fidAtBaseSize.base.toFixed(3), fidAtBaseSize.cascade.toFixed(3)],
      ['', 'PSNR of edges', decibels(edges.base.meanPsnr), decibels(edges.cascade.meanPsnr)],
      ['', 'PSNR of pixels', decibels(pixels.base.meanPsnr), decibels(pixels.cascade.meanPsnr)],
      ['', 'edges nearer to the real ones', '', `${nearer} % (${least}–${most})`],
      ['', `PSNR of the reduced to the base at ${baseSize} px`, '', decibels(agreement.meanPsnr)],
    ];
  });
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
