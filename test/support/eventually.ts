import { setTimeout as wait } from "node:timers/promises";

const POLL_EVERY_MS = 20;

/**
 * Repeats `assertion` until it passes and returns what it returned; after `timeoutMs` fails with its last error. The
 * limit only ends what would never pass: a busy machine may take its time. Give
 * `assert.ok` a message here: without one Node parses the test's source at every failure to quote it, for seconds.
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 20_000 }: { readonly timeoutMs?: number } = {},
): Promise<T> {
  for (const deadline = Date.now() + timeoutMs; ; await wait(POLL_EVERY_MS)) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
