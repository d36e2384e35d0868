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
      return await within(deadline + timeoutMs - Date.now(), assertion);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/** One try that never ends has to fail here, by its name, and not as a file that ran out of time. */
async function within<T>(ms: number, assertion: () => T | Promise<T>): Promise<T> {
  const ended = new AbortController();
  const late = wait(ms, undefined, { signal: ended.signal }).then(() => {
    throw new Error(`what is waited for neither passed nor failed in ${ms} ms`);
  });
  try {
    return await Promise.race([assertion(), late]);
  } finally {
    ended.abort();
    late.catch(() => {});
  }
}
