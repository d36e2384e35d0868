import { once } from "node:events";
import type { Writable } from "node:stream";

const PREVIEW_BYTES = 512;

/** What a hostile sender wrote must not drive the operator's terminal: everything but printable ASCII is shown as dots. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, ".");
}

/** The beginning of a body, fit for a terminal. */
export function preview(body: Uint8Array): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const shown = printable(bytes.subarray(0, PREVIEW_BYTES).toString("latin1"));
  return bytes.length > PREVIEW_BYTES ? `${shown}\n… ${bytes.length} bytes in all; --json shows them` : shown;
}

/** Writes lines, and waits while their reader is slower than we are: many lines must not pile up in memory. */
export class Lines {
  readonly #out: Writable;
  #drained: Promise<unknown> | null = null;

  constructor(out: Writable) {
    this.#out = out;
  }

  async write(line: string): Promise<void> {
    if (this.#out.write(`${line}\n`)) return;
    this.#drained ??= once(this.#out, "drain").finally(() => {
      this.#drained = null;
    });
    await this.#drained;
  }
}
