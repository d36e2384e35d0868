import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** A file that is still being written differs when it is read again so much later. */
const SETTLED_AFTER_MS = 250;

export interface TrustWatchOptions {
  /** The files to watch, as of now: a reload may name others. */
  readonly paths: () => readonly string[];
  /** Called once for each content that the files have had, when it has settled; and once at the start. */
  readonly onChange: () => void;
  readonly everyMs: number;
}

/**
 * Looks at files at an interval and compares what is in them: times of change are not kept by every way to replace a file
 * (a mounted secret, a copy with its dates), and notifications do not cross every file system.
 */
export class TrustWatch {
  readonly #options: TrustWatchOptions;
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: TrustWatchOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Nothing is known to be read yet: a file that changed while the bridge started is seen at the first look.
    let seen: string | null = null;
    while (await this.#pause(this.#options.everyMs)) {
      const digest = await contentDigest(this.#options.paths());
      if (digest === seen) continue;
      seen = (await this.#settled(digest)) ?? seen;
    }
  }

  /** The digest that was handed on, or null when the files are still being written; then the next look is for them. */
  async #settled(digest: string): Promise<string | null> {
    if (!(await this.#pause(SETTLED_AFTER_MS))) return null;
    if ((await contentDigest(this.#options.paths())) !== digest) return null;
    this.#options.onChange();
    return digest;
  }

  /** False when the watch has ended. Keeps no process alive. */
  async #pause(ms: number): Promise<boolean> {
    const { signal } = this.#ended;
    await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
    return !signal.aborted;
  }
}

/** SHA-256 over the names and contents of the files; of one that cannot be read, over the reason. */
async function contentDigest(paths: readonly string[]): Promise<string> {
  const digest = createHash("sha256");
  for (const path of paths) {
    digest.update(`${path}\n`);
    digest.update(await readFile(path).catch((error: unknown) => String(error)));
  }
  return digest.digest("hex");
}
