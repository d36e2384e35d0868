import { NatsError } from "nats";

/** The JetStream error code of an API error, or null when it is none: the only thing that tells such errors apart. */
export function errCodeOf(error: unknown): number | null {
  return error instanceof NatsError ? (error.api_error?.err_code ?? null) : null;
}

export const STREAM_NOT_FOUND = 10059;
export const CONSUMER_NOT_FOUND = 10014;

/** What `find` resolves with; null when the server answers with that code, which says that the thing is not there. */
export async function unlessMissing<T>(errCode: number, find: () => Promise<T>): Promise<T | null> {
  try {
    return await find();
  } catch (error) {
    if (errCodeOf(error) === errCode) return null;
    throw error;
  }
}
