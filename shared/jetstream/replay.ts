import { JOB_HEADERS } from "../jobs/headers.ts";
import { readMessage } from "./browse.ts";
import type { DeadLetter } from "./dead-letters.ts";
import { type Publication, type PublishChannel, publishOnce } from "./publish-once.ts";
import { removeStored } from "./remove.ts";
import { planReplay, type ReplayLimits, type ReplayPlan } from "./replay-plan.ts";

/** How replaying one dead letter ended. It is gone from the dead letters after `replayed` and `resumed` only. */
export type ReplayEnd =
  | { readonly type: "replayed"; readonly id: string; readonly streamSequence: number }
  /** An earlier replay had stored it and was cut off before it could remove the dead letter. */
  | { readonly type: "resumed"; readonly id: string; readonly streamSequence: number }
  /** The stream has seen its id, and what it stored then is not there to be compared. */
  | { readonly type: "duplicate"; readonly id: string; readonly streamSequence: number }
  | Exclude<ReplayPlan, { readonly type: "publish" }>
  /** Not stored, as far as is known. */
  | { readonly type: "failed"; readonly detail: string }
  /** Stored, and still among the dead letters: the next replay will find that out. */
  | { readonly type: "not_removed"; readonly id: string; readonly detail: string };

export interface ReplaySettings extends ReplayLimits {
  readonly deadLetters: { readonly channel: PublishChannel; readonly stream: string };
  /** The connection of the stream a dead letter came from; null when there is no such stream. It may reject. */
  readonly target: (letter: DeadLetter) => Promise<PublishChannel> | null;
  /** Say what would be done. */
  readonly dryRun: boolean;
}

/** Puts one dead letter back where it came from, and removes it once its stream has confirmed it. Never rejects. */
export async function replayDeadLetter(letter: DeadLetter, settings: ReplaySettings): Promise<ReplayEnd> {
  const plan = planReplay(letter, settings);
  if (plan.type !== "publish") return plan;
  const opening = settings.target(letter);
  if (opening === null) return { type: "unusable", problem: `the configuration has no stream "${letter.stream}"` };
  try {
    return await replayTo(await opening, { letter, publication: plan.publication }, settings);
  } catch (error) {
    return { type: "failed", detail: error instanceof Error ? error.message : String(error) };
  }
}

async function replayTo(
  target: PublishChannel,
  { letter, publication }: { readonly letter: DeadLetter; readonly publication: Publication },
  settings: ReplaySettings,
): Promise<ReplayEnd> {
  if (settings.dryRun) return { type: "replayed", id: publication.id, streamSequence: 0 };
  const result = await publishOnce(target, publication);
  if (!result.stored) return { type: "failed", detail: `${result.failure}: ${result.detail}` };
  const stored = { id: publication.id, streamSequence: result.sequence };
  if (!result.duplicate) return remove(letter, settings, { type: "replayed", ...stored });
  if (await isStored(target, publication, result.sequence)) {
    return remove(letter, settings, { type: "resumed", ...stored });
  }
  return { type: "duplicate", ...stored };
}

async function remove(
  { sequence }: DeadLetter,
  { deadLetters }: ReplaySettings,
  end: ReplayEnd & { readonly type: "replayed" | "resumed" },
): Promise<ReplayEnd> {
  const removal = await removeStored(deadLetters.channel, deadLetters.stream, sequence);
  if (removal.type === "failed") return { type: "not_removed", id: end.id, detail: removal.detail };
  return end;
}

/** "Duplicate" only says that the id was seen. Whether it was this message shows in what was stored under it. */
async function isStored({ connection }: PublishChannel, publication: Publication, sequence: number): Promise<boolean> {
  const found = await readMessage(connection, publication.stream, sequence).catch(() => null);
  const baseId = publication.headers.find(([name]) => name === JOB_HEADERS.id)?.[1];
  return (
    found !== null &&
    found.header("Nats-Msg-Id") === publication.id &&
    found.header(JOB_HEADERS.id) === baseId &&
    Buffer.compare(found.data, publication.body) === 0
  );
}
