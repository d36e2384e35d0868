import { type JetStreamManager, NatsError } from "nats";
import type { Connection } from "./connect.ts";

/** JetStream's management calls, under a name that does not tie its holders to the client. */
export type Manager = JetStreamManager;

/** A server that answers, but not as JetStream: it is off, off for the account, or the API is not permitted. */
class NoJetStreamError extends Error {
  override readonly name = "NoJetStreamError";
  readonly code = "NO_JETSTREAM";

  constructor(server: string, cause: NatsError) {
    super(`${server}: ${explain(cause)}`, { cause });
  }
}

/** JetStream's management calls over a connection. Rejects with `NoJetStreamError` when it has no JetStream. */
export async function manage(connection: Connection): Promise<JetStreamManager> {
  try {
    return await connection.jetstreamManager();
  } catch (error) {
    if (!(error instanceof NatsError)) throw error;
    throw new NoJetStreamError(connection.getServer(), error);
  }
}

/** The client's own message for all of these is a bare code. */
function explain({ code, message, api_error: api }: NatsError): string {
  if (api !== undefined) return `no JetStream for this account (${api.description}); give the account jetstream limits`;
  if (code === "503") return "the server has no JetStream; enable `jetstream` in its configuration";
  if (code === "TIMEOUT") return "JetStream does not answer in time";
  return `JetStream cannot be asked: ${message}`;
}
