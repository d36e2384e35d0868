// Preloaded into a worker: shows a wall clock that is off by as many seconds as stand in the file CLOCK_FILE. It stands in
// for a system clock that is stepped, where libfaketime cannot be had: timers and the monotonic clock are left alone, as a
// step leaves them.
import { readFileSync } from "node:fs";

const TrueDate = Date;
const POLL_MS = 20;
let offsetMs = 0;

function read() {
  offsetMs = Number(readFileSync(process.env.CLOCK_FILE, "utf8")) * 1_000;
}
read();
setInterval(read, POLL_MS).unref();

globalThis.Date = class SteppedDate extends TrueDate {
  constructor(...given) {
    if (given.length === 0) super(TrueDate.now() + offsetMs);
    else super(...given);
  }

  static now() {
    return TrueDate.now() + offsetMs;
  }
};
