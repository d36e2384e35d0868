import type { Connection } from "./connect.ts";
import { manage } from "./manager.ts";

/** How far the server's clock is ahead of ours, known to half the round trip. */
export interface ClockOffset {
  readonly offsetMs: number;
  readonly uncertaintyMs: number;
}

const LOOKS = 5;
const ANSWER_WITHIN_MS = 2_000;
/**
 * The server tells who listens about each call of JetStream's API, with its time: the one clock that is there to read on
 * every version, without writing anything (`ts` in stream info came with 2.10).
 */
const API_AUDIT = "$JS.EVENT.ADVISORY.API";

/** Compares the clocks without changing anything on the server; null when the account may not see its advisories. */
export async function clockOffset(connection: Connection, wallNow: () => number): Promise<ClockOffset | null> {
  const jsm = await manage(connection);
  const looks: ClockOffset[] = [];
  for (let look = 0; look < LOOKS; look += 1) {
    const found = await lookOnce(connection, { call: () => jsm.getAccountInfo(), wallNow });
    if (found === null) break;
    looks.push(found);
  }
  return looks.sort((a, b) => a.uncertaintyMs - b.uncertaintyMs)[0] ?? null;
}

interface Probe {
  readonly call: () => Promise<unknown>;
  readonly wallNow: () => number;
}

async function lookOnce(connection: Connection, { call, wallNow }: Probe): Promise<ClockOffset | null> {
  const told = connection.subscribe(API_AUDIT, { max: 1, timeout: ANSWER_WITHIN_MS });
  const first = firstTimestamp(told);
  const askedAt = wallNow(); // before the flush: a call of somebody else may be told of as soon as we listen
  await connection.flush();
  await call();
  const answeredAt = wallNow();
  const serverMs = await first;
  if (serverMs === null) return null;
  return { offsetMs: serverMs - (askedAt + answeredAt) / 2, uncertaintyMs: (answeredAt - askedAt) / 2 };
}

async function firstTimestamp(told: AsyncIterable<{ json<T>(): T }>): Promise<number | null> {
  try {
    for await (const message of told) {
      const ms = Date.parse(message.json<{ timestamp?: string }>().timestamp ?? "");
      return Number.isNaN(ms) ? null : ms;
    }
  } catch {
    // Not permitted, or nothing came in time.
  }
  return null;
}
