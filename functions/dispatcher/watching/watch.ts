import { listenOnce } from "../../../shared/jetstream/listen-once.ts";
import type { Reading } from "../scaling/scale.ts";
import { QueueReader, type QueueSource } from "./look.ts";

export interface QueueListener {
  read(reading: Reading): void;
  /** What keeps the queue from being read; null: it is read again. Told once per change. */
  trouble(text: string | null): void;
  /** A message was noticed as it was stored. */
  woken(): void;
  /** Why stored messages cannot be noticed, so that only polling is left; null: they can. Told once per change. */
  deaf(text: string | null): void;
}

/** A message is seen before it is stored: a look that comes too early is followed by others. */
const LOOK_AGAIN_AFTER_MS: readonly number[] = [2, 4, 8, 16, 32, 64];

type Look =
  | { readonly type: "read"; readonly reading: Reading }
  | { readonly type: "failed"; readonly text: string }
  /** What was asked over a connection that is gone is never answered. */
  | { readonly type: "cut_off" };

/**
 * Looks at a job's queue every so often. While it has nothing pending it also listens for one message on the queue's
 * subjects, and looks at once when it comes: a busy queue is not listened to, an idle one does not wait for the next look.
 */
export class QueueWatch {
  readonly #source: QueueSource;
  readonly #reader: QueueReader;
  readonly #listener: QueueListener;
  readonly #pollEveryMs: number;
  #trouble: string | null = null;
  #unlisten: (() => void) | null = null;
  /** Why the subscription that `#unlisten` would end is none. */
  #denied: string | null = null;
  #toldDeaf = false;
  /** Looks that are to come soon, because a message was noticed; null: none was, or what was noticed has been found. */
  #soon: readonly number[] | null = null;
  /** What was noticed never was pending, as it is somebody else's already: listening again at once would be for nothing. */
  #deafUntil = Number.NEGATIVE_INFINITY;
  #isDue = false;
  #wake: (() => void) | null = null;
  #cutOff: (() => void) | null = null;
  #stopped = false;

  constructor(source: QueueSource, pollEveryMs: number, listener: QueueListener) {
    this.#source = source;
    this.#reader = new QueueReader(source);
    this.#pollEveryMs = pollEveryMs;
    this.#listener = listener;
    void this.#run();
  }

  /** Looks at once, or once more after the look that is under way. */
  look(): void {
    this.#isDue = true;
    this.#wake?.();
  }

  /** The connection is a new one, on which more may be permitted. */
  reconnected(): void {
    if (this.#denied !== null) this.#unlisten = null;
    this.#cutOff?.();
    this.look();
  }

  stop(): void {
    this.#stopped = true;
    this.#unlisten?.();
    this.#cutOff?.();
    this.look();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#isDue = false;
      const look = await this.#lookOnce();
      if (this.#stopped) return;
      this.#tell(look);
      // What was stored before the server had the subscription is seen by the look that follows it.
      if (look.type === "read" && look.reading.pending === 0 && this.#listen()) continue;
      await this.#rest();
    }
  }

  async #lookOnce(): Promise<Look> {
    const cutOff = new Promise<Look>((resolve) => {
      this.#cutOff = () => resolve({ type: "cut_off" });
    });
    const read = this.#reader.read().then(
      (reading): Look => ({ type: "read", reading }),
      (error: unknown): Look => ({ type: "failed", text: error instanceof Error ? error.message : String(error) }),
    );
    return Promise.race([read, cutOff]);
  }

  #tell(look: Look): void {
    if (look.type === "cut_off") return;
    const trouble = look.type === "failed" ? look.text : null;
    if (trouble !== this.#trouble) {
      this.#trouble = trouble;
      this.#listener.trouble(trouble);
    }
    if (look.type === "failed") return;
    // A refusal of the subscription was sent before the answer to this look.
    const isDeaf = this.#denied !== null;
    if (isDeaf !== this.#toldDeaf) this.#listener.deaf(this.#denied);
    this.#toldDeaf = isDeaf;
    if (look.reading.pending > 0) this.#soon = null;
    else if (this.#soon?.length === 0) {
      this.#soon = null;
      this.#deafUntil = this.#source.now() + this.#pollEveryMs;
    }
    this.#listener.read(look.reading);
  }

  /** True when it did not listen before. */
  #listen(): boolean {
    if (this.#unlisten !== null || this.#soon !== null || this.#source.now() < this.#deafUntil) return false;
    const { connection, queue } = this.#source;
    this.#denied = null;
    this.#unlisten = listenOnce(connection, queue.filter, {
      message: () => {
        this.#unlisten = null;
        this.#soon = LOOK_AGAIN_AFTER_MS;
        this.#listener.woken();
        this.look();
      },
      denied: (text) => {
        this.#denied = text; // asked again with the next connection
      },
    });
    return true;
  }

  /** Waits until the next look is due. */
  async #rest(): Promise<void> {
    const [next = this.#pollEveryMs, ...later] = this.#soon ?? [];
    if (this.#soon !== null) this.#soon = later;
    if (this.#isDue) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, next);
    });
    clearTimeout(timer);
    this.#wake = null;
  }
}
