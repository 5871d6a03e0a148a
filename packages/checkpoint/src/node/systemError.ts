/** What people can act on, for the codes that a file system gives in practice. */
const reasons: Record<string, string> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a path through something that is no folder',
  EISDIR: 'a folder',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'a read-only file system',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'a full disk quota',
  EFBIG: 'a file larger than allowed',
  ENAMETOOLONG: 'a path that is too long',
  EMFILE: 'too many open files',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A system error in words, with its code. */
export function reason(error: unknown): string {
  const code = codeOf(error);
  const text = reasons[code];
  if (text) return `${text} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

/** The error says that nothing is at the path. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
}
