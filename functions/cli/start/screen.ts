import { type Frame, renderLine, renderView, type Size } from "./view.ts";

/** Where the live view goes. */
export interface Terminal {
  /** Null: not a terminal, one line per frame is written. */
  readonly size: () => Size | null;
  readonly write: (text: string) => void;
}

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_TO_END_OF_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/** Draws frames over each other. Lines are overwritten, never cleared first: a cleared screen flickers. */
export class Screen {
  readonly #terminal: Terminal;
  #drawn = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  draw(frame: Frame): void {
    const size = this.#terminal.size();
    if (size === null) {
      this.#terminal.write(`${renderLine(frame)}\n`);
      return;
    }
    const lines = renderView(frame, size);
    const home = this.#drawn === 0 ? HIDE_CURSOR : `\r\u001b[${Math.min(this.#drawn, size.rows - 1)}A`;
    this.#terminal.write(home + lines.map((line) => `${line}${CLEAR_TO_END_OF_LINE}\n`).join("") + CLEAR_BELOW);
    this.#drawn = lines.length;
  }

  /** Leaves the last frame where it is and gives the cursor back. */
  close(): void {
    if (this.#drawn > 0) this.#terminal.write(SHOW_CURSOR);
    this.#drawn = 0;
  }
}
