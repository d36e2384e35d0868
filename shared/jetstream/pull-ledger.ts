interface Asked {
  readonly batch: number;
  /** Most bytes of it; Infinity: not bounded. A pull that is bounded has to be the only one. */
  readonly bytes: number;
  /** Monotonic milliseconds after which the server has surely forgotten the pull, whatever became of it. */
  readonly goneAt: number;
}

/**
 * The pulls the server still owes messages for. A delivery does not say which pull it answers (its subject is the stored
 * message's), so messages are counted over all pulls and only endings are known per pull, by the token in the status's
 * subject.
 */
export class PullLedger {
  readonly #requests = new Map<string, Asked>();
  #owed = 0;
  #owedBytes = 0;

  /** Messages that may still come. */
  get owed(): number {
    return this.#owed;
  }

  /** Bytes that may still come. */
  get owedBytes(): number {
    return this.#owedBytes;
  }

  asked(token: string, request: Asked): void {
    this.#requests.set(token, request);
    this.#owed += request.batch;
    this.#owedBytes = request.bytes;
  }

  /** `bytes`: subjects, headers and body, as the server counts them. */
  delivered(bytes: number): void {
    this.#lower(1);
    this.#owedBytes -= bytes;
    if (this.#owedBytes <= 0) this.forgetAll(); // used up to the last byte, a pull ends without a status (2.9.10 and 2.15.1)
  }

  /** `undelivered` null: the server did not say, so what is owed is only known once the last pull has ended. */
  ended(token: string, undelivered: number | null): void {
    if (!this.#requests.delete(token)) return;
    if (this.#requests.size === 0) this.#owed = 0;
    else this.#lower(undelivered ?? 0);
  }

  /** Drops pulls whose ending never arrived. */
  expire(now: number): void {
    for (const [token, { goneAt }] of this.#requests) if (goneAt <= now) this.ended(token, null);
  }

  /** After a reconnect or missed heartbeats: no pull is counted on any more. */
  forgetAll(): void {
    this.#requests.clear();
    this.#owed = 0;
  }

  #lower(count: number): void {
    this.#owed = Math.max(0, this.#owed - count);
    if (this.#owed === 0) this.#requests.clear(); // a filled pull ends without a status
  }
}
