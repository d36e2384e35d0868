import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the range systems take outgoing ports from: a server that restarts on its port never finds it in use by
// somebody's outgoing connection, and a client that redials a dead local port cannot end up connected to itself.
const LOWEST = 12_000;
const HIGHEST = 32_000;
const TRIES = 50;

/** The port, if nobody listens on it at this moment; else another. */
export async function portOrFree(port: number): Promise<number> {
  return (await isFree(port)) ? port : freePort();
}

/** A loopback TCP port nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST} in ${TRIES} tries`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
