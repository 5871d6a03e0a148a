/**
 * Reads one thing after another, each while the one before it is worked on: so memory for two, by turns, is enough.
 *
 * @param read of an item, and its place among the items
 */
export async function* readAhead<Item, Result>(
  items: Iterable<Item>,
  read: (item: Item, index: number) => Promise<Result>,
): AsyncGenerator<Result> {
  let next: Promise<Result> | undefined;
  try {
    let index = 0;
    for (const item of items) {
      const current = next;
      await current;
      next = read(item, index++);
      // Should it fail while the one before it is worked on, it's told when its turn comes.
      next.catch(() => {});
      if (current) yield current;
    }
    if (next) yield next;
  } finally {
    await next?.catch(() => {});
  }
}
