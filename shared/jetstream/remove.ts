import type { Msg } from "nats";
import type { PublishChannel } from "./publish-once.ts";

/** `missing`: it was gone already. `failed`: nobody knows. */
export type Removal =
  | { readonly type: "removed" }
  | { readonly type: "missing" }
  | { readonly type: "failed"; readonly detail: string };

const MESSAGE_DELETE_FAILED = 10057;
const NO_MESSAGE_FOUND = 10037;

/**
 * Removes one message of a stream; many at a time share the channel's reply inbox. It is not overwritten on disk, which
 * costs the server a write per message. Never rejects.
 */
export function removeStored(channel: PublishChannel, stream: string, sequence: number): Promise<Removal> {
  const { connection, replies } = channel;
  return new Promise((resolve) => {
    const reply = replies.expect((answer) => resolve(readRemoval(answer)));
    try {
      const request = JSON.stringify({ seq: sequence, no_erase: true });
      connection.publish(`$JS.API.STREAM.MSG.DELETE.${stream}`, request, { reply });
    } catch (error) {
      replies.forget(reply);
      resolve({ type: "failed", detail: error instanceof Error ? error.message : String(error) });
    }
  });
}

interface Answer {
  readonly success?: boolean;
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

function readRemoval(reply: Msg | null): Removal {
  if (reply === null) return { type: "failed", detail: "no answer in time" };
  if (reply.data.length === 0) return { type: "failed", detail: "JetStream does not answer" };
  const { success, error } = reply.json<Answer>();
  if (success === true) return { type: "removed" };
  const code = error?.err_code;
  if (code === MESSAGE_DELETE_FAILED || code === NO_MESSAGE_FOUND) return { type: "missing" };
  return { type: "failed", detail: `${error?.description ?? "refused"} (${code ?? 0})` };
}
