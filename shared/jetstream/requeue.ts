import { JOB_HEADERS } from "../jobs/headers.ts";
import { placeText } from "../jobs/identity.ts";
import type { StoredMessage } from "./browse.ts";
import { type PublishChannel, publishOnce } from "./publish-once.ts";
import { removeStored } from "./remove.ts";

export type Requeued = { readonly type: "requeued" } | { readonly type: "failed"; readonly detail: string };

/**
 * Puts a message that lies in a work queue unseen by its consumer back at the end of it: a copy under an id of its own,
 * confirmed, then the old one goes. nats-server 2.9 brings settled messages back when it is killed, and nobody can tell
 * them from messages it has forgotten: run once more, their outputs have the ids of the first run.
 */
export async function requeue(channel: PublishChannel, stream: string, message: StoredMessage): Promise<Requeued> {
  const { sequence, subject, data, storedAt } = message;
  const place = placeText({ stream, sequence, storedAtMs: storedAt.getTime() });
  const base = message.header(JOB_HEADERS.id) || message.header("Nats-Msg-Id") || place;
  const from = message.header(JOB_HEADERS.requeuedFrom) || place;
  const kept = message.headers().filter(([name]) => name !== JOB_HEADERS.id && name !== JOB_HEADERS.requeuedFrom);
  const copy = await publishOnce(channel, {
    stream,
    subject,
    id: `${base}.s${sequence}`,
    headers: [...kept, [JOB_HEADERS.id, base], [JOB_HEADERS.requeuedFrom, from]],
    body: data,
  });
  if (!copy.stored) return { type: "failed", detail: `not copied: ${copy.failure}: ${copy.detail}` };
  const removal = await removeStored(channel, stream, sequence);
  if (removal.type === "failed") return { type: "failed", detail: `not removed: ${removal.detail}` };
  return { type: "requeued" };
}
