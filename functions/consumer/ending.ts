import { setMaxListeners } from "node:events";

/** That something is over, and why. Its signal is made when asked for: a run that needs none pays for none. */
export class Ending {
  #reason: Error | null = null;
  #controller: AbortController | null = null;

  /** Null while it goes on. */
  get reason(): Error | null {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      setMaxListeners(0, this.#controller.signal); // each output listens while it is being stored: that is no leak
      if (this.#reason !== null) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first reason counts. */
  end(reason: Error): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
