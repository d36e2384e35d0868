import { NatsError } from "nats";

/** The JetStream error code of an API error, or null when it is none: the only thing that tells such errors apart. */
export function errCodeOf(error: unknown): number | null {
  return error instanceof NatsError ? (error.api_error?.err_code ?? null) : null;
}
