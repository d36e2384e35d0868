/** A message and the key whose messages run one at a time. */
export interface Keyed<T> {
  readonly key: string;
  readonly message: T;
}

/** The messages of one key, oldest first. Its first one runs, waits for its time, or may run. */
interface Lane<T> {
  readonly key: string;
  readonly messages: T[];
  state: "ready" | "running" | "held";
  /** While held. */
  untilMs: number;
}

/**
 * Messages in the order they came, let out so that a key has one running at a time and its order is kept whatever becomes
 * of a run: one that has to run again holds its key back, and no other. Keys take turns.
 */
export class KeyQueue<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  /** Lanes whose first message may run, each once. */
  #ready: Lane<T>[] = [];
  readonly #held = new Set<Lane<T>>();
  #size = 0;
  #running = 0;
  #nextDueMs = Number.POSITIVE_INFINITY;

  /** Messages in hand, running ones included. */
  get size(): number {
    return this.#size;
  }

  get running(): number {
    return this.#running;
  }

  /** Keys with a message that may run now. */
  get ready(): number {
    return this.#ready.length;
  }

  /** Messages that cannot run: behind another of their key, or held for their time. */
  get blocked(): number {
    return this.#size - this.#running - this.#ready.length;
  }

  /** When the next held key may run, in the clock of `hold`; infinite when none is held. */
  get nextDueMs(): number {
    return this.#nextDueMs;
  }

  push(key: string, message: T): void {
    this.#size += 1;
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      lane.messages.push(message);
      return;
    }
    const created: Lane<T> = { key, messages: [message], state: "ready", untilMs: 0 };
    this.#lanes.set(key, created);
    this.#ready.push(created);
  }

  /** The next message to run; its key is taken until `done` or `hold`. Null: none may run now. */
  next(): Keyed<T> | null {
    const lane = this.#ready.shift();
    const message = lane?.messages[0];
    if (lane === undefined || message === undefined) return null;
    lane.state = "running";
    this.#running += 1;
    return { key: lane.key, message };
  }

  /** The running message of the key has left; the next one of it may run. */
  done(key: string): void {
    const lane = this.#stopRunning(key);
    lane.messages.shift();
    this.#size -= 1;
    if (lane.messages.length === 0) this.#lanes.delete(key);
    else this.#makeReady(lane);
  }

  /** The running message of the key has to run again, not before `untilMs`: until then the key waits. */
  hold(key: string, untilMs: number): void {
    const lane = this.#stopRunning(key);
    lane.state = "held";
    lane.untilMs = untilMs;
    this.#held.add(lane);
    this.#nextDueMs = Math.min(this.#nextDueMs, untilMs);
  }

  /** Lets the held keys run whose time has come. */
  release(nowMs: number): void {
    if (nowMs < this.#nextDueMs) return;
    this.#nextDueMs = Number.POSITIVE_INFINITY;
    for (const lane of this.#held) {
      if (lane.untilMs > nowMs) {
        this.#nextDueMs = Math.min(this.#nextDueMs, lane.untilMs);
        continue;
      }
      this.#held.delete(lane);
      this.#makeReady(lane);
    }
  }

  /** Takes out everything that is not running: what the queue held is another's now. Returns it in no special order. */
  clear(): readonly T[] {
    const left: T[] = [];
    for (const lane of this.#lanes.values()) {
      left.push(...lane.messages.splice(lane.state === "running" ? 1 : 0));
      if (lane.state !== "running") this.#lanes.delete(lane.key);
    }
    this.#ready = [];
    this.#held.clear();
    this.#nextDueMs = Number.POSITIVE_INFINITY;
    this.#size -= left.length;
    return left;
  }

  #makeReady(lane: Lane<T>): void {
    lane.state = "ready";
    this.#ready.push(lane);
  }

  #stopRunning(key: string): Lane<T> {
    const lane = this.#lanes.get(key);
    if (lane?.state !== "running") throw new RangeError(`no message of key "${key}" is running`);
    this.#running -= 1;
    return lane;
  }
}
