/** Line icons on a grid of 20, drawn by hand. */
const paths = {
  lock: 'M6 9V7a4 4 0 0 1 8 0v2M5 9h10v8H5z',
  unlock: 'M6 9V6a4 4 0 0 1 7.7-1.5M5 9h10v8H5z',
  dice: 'M4 4h12v12H4zM7.5 7.5h.01M12.5 7.5h.01M10 10h.01M7.5 12.5h.01M12.5 12.5h.01',
  download: 'M10 3v10M6 9.5l4 4 4-4M4 17h12',
  copy: 'M7 7h9v10H7zM4 13V3h9',
  code: 'M7 6l-4 4 4 4M13 6l4 4-4 4',
  terminal: 'M3 4h14v12H3zM6 8l2.5 2L6 12M10.5 12.5H14',
  link: 'M8.5 11.5l3-3M9 6.5l2-2a3.2 3.2 0 0 1 4.5 4.5l-2 2M11 13.5l-2 2A3.2 3.2 0 0 1 4.5 11l2-2',
  repeat: 'M4 9a6 6 0 0 1 10.5-3L16 7.5M16 4v3.5h-3.5M16 11a6 6 0 0 1-10.5 3L4 12.5M4 16v-3.5h3.5',
  brush: 'M16.5 3.5l-8 8M8.5 11.5c-2.5 0-2.5 3-5 4.5 2.5.8 6.5.5 6.5-3z',
  eraser: 'M8 16h8M4 12l6.5-7 5 5-5.5 6H8z',
  box: 'M4 4h12v12H4z',
  undo: 'M4 8h8a4 4 0 0 1 0 8H8M7 5L4 8l3 3',
  redo: 'M16 8H8a4 4 0 0 0 0 8h4M13 5l3 3-3 3',
  open: 'M3 16V4h5l2 2.5h7V16z',
  play: 'M6 4l10 6-10 6z',
  pause: 'M7 4v12M13 4v12',
  sides: 'M7.5 5.5L3 10l4.5 4.5M12.5 5.5L17 10l-4.5 4.5',
  close: 'M5 5l10 10M15 5L5 15',
} as const;

export function Icon({ name }: { readonly name: keyof typeof paths }) {
  return (
    <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" className="icon-svg">
      <path d={paths[name]} />
    </svg>
  );
}
