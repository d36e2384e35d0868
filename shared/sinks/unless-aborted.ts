/**
 * What `pending` becomes, or the signal's reason when that is aborted first. A write itself cannot be taken back: what is
 * aborted may be stored, and its repetition is a duplicate.
 */
export function unlessAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    pending.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
