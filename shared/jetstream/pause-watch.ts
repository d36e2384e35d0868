import { KvWatchInclude } from "nats";
import { Bucket } from "./buckets.ts";
import { type Connection, watchConnection } from "./connect.ts";
import { isInForce, readPauses } from "./pause.ts";

export interface PauseSource {
  readonly connection: Connection;
  /** Name of the bucket that holds the flags; it may be made later. */
  readonly bucket: string;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

export interface PauseWatch {
  /** No more calls after it. */
  stop(): void;
}

type OnChange = (job: string, paused: boolean) => void;

/** Also how late the end of a pause may be noticed. */
const LOOK_EVERY_MS = 10_000;
const LOOK_AGAIN_MS = 1_000;

/**
 * Tells of every job that is paused or resumed. Resolves once the flags were read, with `onChange(job, true)` called for
 * each that is paused by then; rejects when they cannot be read. From then on it goes on by itself, across lost
 * connections and restarts of the server: what was known last counts while nothing can be read.
 */
export async function watchPauses(source: PauseSource, onChange: OnChange): Promise<PauseWatch> {
  const watcher = new PauseWatcher(source, onChange);
  await watcher.start();
  return watcher;
}

/**
 * All flags are read whenever something may have changed: a change that was seen, a new connection, time gone by. A change
 * that went unseen is so made up for by the next look, and no order of events can leave a wrong state behind.
 */
class PauseWatcher implements PauseWatch {
  readonly #source: PauseSource;
  readonly #onChange: OnChange;
  #paused: ReadonlySet<string> = new Set();
  /** The subscription that says that something changed. */
  #changes: { stop(): void } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  #lookAgain = false;
  #stopped = false;

  constructor(source: PauseSource, onChange: OnChange) {
    this.#source = source;
    this.#onChange = onChange;
  }

  async start(): Promise<void> {
    await this.#look();
    this.#schedule(LOOK_EVERY_MS);
    const { connection, wallNow } = this.#source;
    const events = { onDisconnect: () => {}, onError: () => {}, onReconnect: () => this.#reconnected() };
    void watchConnection(connection, events, wallNow);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#unfollow();
  }

  /** The consumer behind the subscription lives in the server's memory and may be gone with it. */
  #reconnected(): void {
    if (this.#stopped) return;
    this.#unfollow();
    void this.#wake();
  }

  async #wake(): Promise<void> {
    this.#lookAgain = true;
    if (this.#looking) return;
    this.#looking = true;
    let wait = LOOK_EVERY_MS;
    while (this.#lookAgain && !this.#stopped) {
      this.#lookAgain = false;
      wait = await this.#look().then(
        () => LOOK_EVERY_MS,
        () => LOOK_AGAIN_MS,
      );
    }
    this.#looking = false;
    this.#schedule(wait);
  }

  #schedule(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#wake(), ms);
    this.#timer.unref();
  }

  /** Subscribed before it reads: a change in between is then seen by either. */
  async #look(): Promise<void> {
    const { connection, bucket, wallNow } = this.#source;
    if (this.#changes === null) await this.#follow();
    const pauses = await readPauses(connection, bucket);
    const inForce = [...pauses].filter(([, pause]) => isInForce(pause, wallNow()));
    if (!this.#stopped) this.#apply(new Set(inForce.map(([job]) => job)));
  }

  #apply(paused: ReadonlySet<string>): void {
    const before = this.#paused;
    this.#paused = paused;
    for (const job of paused) if (!before.has(job)) this.#onChange(job, true);
    for (const job of before) if (!paused.has(job)) this.#onChange(job, false);
  }

  async #follow(): Promise<void> {
    const bucket = await Bucket.find(this.#source.connection, this.#source.bucket);
    if (bucket === null) return;
    const changes = await bucket.kv.watch({ key: "pause.*", include: KvWatchInclude.UpdatesOnly });
    if (this.#stopped) {
      changes.stop();
      return;
    }
    this.#changes = changes;
    void this.#listen(changes);
  }

  async #listen(changes: AsyncIterable<unknown> & { stop(): void }): Promise<void> {
    try {
      for await (const _change of changes) void this.#wake();
    } catch {
      // Ended by an error or by us: the next look subscribes anew.
    }
    if (this.#changes === changes) this.#changes = null;
  }

  #unfollow(): void {
    this.#changes?.stop();
    this.#changes = null;
  }
}
