/**
 * The first key that an object in a JSON text has twice, or undefined. `JSON.parse` keeps the last of such keys without
 * a word, so that two readers of one file may see different tensors.
 *
 * @param json valid JSON (parsed before)
 */
export function duplicateKey(json: string): string | undefined {
  /** One set of keys per open object; undefined for an open array. */
  const open: (Set<string> | undefined)[] = [];
  let lastString = '';
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const end = stringEnd(json, i);
      lastString = json.slice(i, end);
      i = end - 1;
    } else if (character === ':') {
      const key = JSON.parse(lastString) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    } else if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
  }
  return undefined;
}

/** Index after the closing quote of the string that opens at `start`. */
function stringEnd(json: string, start: number): number {
  let i = start + 1;
  while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
  return i + 1;
}
