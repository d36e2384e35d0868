/** What all ingests of a bridge hold together; the reader sheds beyond it instead of falling behind. */
export class Hand {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #messages = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get messages(): number {
    return this.#messages;
  }

  /** False when the hand is full. */
  take(bytes: number): boolean {
    if (this.#messages >= this.#maxMessages || this.#bytes + bytes > this.#maxBytes) return false;
    this.#messages += 1;
    this.#bytes += bytes;
    return true;
  }

  put(bytes: number): void {
    this.#messages -= 1;
    this.#bytes -= bytes;
  }
}
