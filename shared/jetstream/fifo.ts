/** A queue whose `shift` is cheap at any length (an array's is not beyond some 50,000 items). */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined; // not kept alive until the next compaction
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes out every item that `isWanted`, in order; the others stay in theirs. */
  take(isWanted: (item: T) => boolean): T[] {
    const items = this.#items.slice(this.#head).filter((item): item is T => item !== undefined);
    const taken = items.filter(isWanted);
    if (taken.length > 0) {
      this.#items = items.filter((item) => !isWanted(item));
      this.#head = 0;
    }
    return taken;
  }
}
