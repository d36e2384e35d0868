import { countFrom } from "../../shared/jetstream/browse.ts";
import { Channels } from "../../shared/jetstream/channels.ts";
import { openNamed } from "../../shared/jetstream/connect.ts";
import { toldInOneLine } from "../../shared/runtime/invocation.ts";
import { type FunctionPackage, PackagedConfig } from "../../shared/runtime/package.ts";
import { type ReplayEvent, readReplayEvent } from "./event.ts";
import { REPLAY_ENDS, replayAction } from "./replay.ts";
import { Details, type ReplayReport } from "./report.ts";
import type { Selection } from "./selection.ts";
import { type DeadLetterStore, withDeadLetters } from "./store.ts";
import { Tally } from "./tally.ts";
import { type Witness, workThrough } from "./work.ts";

/** What an invocation tells about itself. */
export interface ReplayContext {
  readonly awsRequestId: string;
  /** Milliseconds. */
  getRemainingTimeInMillis(): number;
}

export type ReplayHandler = (event: unknown, context: ReplayContext) => Promise<ReplayReport>;

/** Kept back from the invocation's time: a PubAck under way may take 5 s, and the audit has to be written after it. */
const MARGIN_MS = 7_000;

/**
 * The function that replays dead letters, for operators who do not reach the servers. Replays are rare: each invocation
 * opens its connections and closes them, so that none is there to be frozen. What does not fit into its time is left for
 * another invocation, and the answer says with which selection to ask for it.
 */
export function makeReplay(bundled: FunctionPackage): ReplayHandler {
  const packaged = new PackagedConfig(bundled, "replay");
  packaged.begin();
  return (event, context) =>
    toldInOneLine(() => {
      const asked = readReplayEvent(event);
      return packaged.connected(async ({ config, resolved, log }) => {
        const connect = (name: string) => openNamed(resolved.connections, name, "replay");
        const channels = new Channels(connect, () => performance.now());
        const report = await withDeadLetters({ config, channels }, (store) => replay(store, asked, context));
        const { details, next: _next, ...told } = report;
        log.info({ ...told, details: details.length, by: asked.by }, "replayed");
        return report;
      });
    });
}

async function replay(store: DeadLetterStore, asked: ReplayEvent, context: ReplayContext): Promise<ReplayReport> {
  const { selection, dryRun, why } = asked;
  const request = context.awsRequestId;
  const stop = new AbortController();
  const timeMs = Math.min(asked.budgetMs ?? Number.POSITIVE_INFINITY, context.getRemainingTimeInMillis() - MARGIN_MS);
  if (timeMs <= 0) stop.abort();
  const timer = setTimeout(() => stop.abort(), timeMs);
  let isFull = false;
  const details = new Details(asked, () => {
    isFull = true;
    stop.abort();
  });
  const missing: string[] = [];
  const witness: Witness = {
    ended: async (letter, end) => details.add(letter, end),
    missing: (what) => missing.push(what),
  };
  const tally = new Tally(REPLAY_ENDS);
  const order = { selection, dryRun, by: `${asked.by} (request ${request})`, why };
  const work = { order, action: replayAction(store, asked, dryRun), tally, witness, stop: stop.signal };
  const next = await workThrough(store, work).finally(() => clearTimeout(timer));
  return {
    request,
    dryRun,
    totals: tally.totals,
    undone: tally.undone,
    missing,
    details: details.named,
    detailsOmitted: details.omitted,
    ended: next === null ? "complete" : isFull ? "full" : "time",
    left: next === null ? 0 : await countLeft(store, next),
    next,
  };
}

async function countLeft({ connection, stream }: DeadLetterStore, rest: Selection): Promise<number> {
  if (rest.sequences.length > 0) return rest.sequences.length;
  return countFrom(connection, { stream, fromSequence: rest.fromSequence ?? 1 });
}
