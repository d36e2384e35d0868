import { streamName } from "../../shared/config/names.ts";
import type { Config } from "../../shared/config/schema.ts";
import { type ReplayEnd, type ReplaySettings, replayDeadLetter } from "../../shared/jetstream/replay.ts";
import type { ReplayLimits } from "../../shared/jetstream/replay-plan.ts";
import type { DeadLetterStore } from "./store.ts";
import type { End } from "./tally.ts";
import type { Action } from "./work.ts";

/** How a dead letter may end, in the order in which it is counted. */
export const REPLAY_ENDS: readonly ReplayEnd["type"][] = [
  "replayed",
  "resumed",
  "capped",
  "truncated",
  "unusable",
  "duplicate",
  "failed",
  "not_removed",
];

/** Puts dead letters back where they came from; on a dry run it says what would become of them. */
export function replayAction(store: DeadLetterStore, limits: ReplayLimits, dryRun: boolean): Action {
  const { maxReplays, force } = limits;
  const connections = targetConnections(store.config);
  const settings: ReplaySettings = {
    deadLetters: store,
    target({ job, stream }) {
      const name = connections.get(`${job} ${stream}`) ?? connections.get(stream);
      return name === undefined ? null : store.channels.get(name);
    },
    dryRun,
    maxReplays,
    force,
  };
  return {
    name: "dead.replay",
    settings: { maxReplays, force },
    act: async (letter) => endOf(await replayDeadLetter(letter, settings), settings),
  };
}

/**
 * The connections of the configuration's streams, by the names on the server; those of the jobs' own streams also as
 * `<job> <stream>`, because two servers may have a stream of one name.
 */
function targetConnections(config: Config): ReadonlyMap<string, string> {
  const connections = new Map<string, string>();
  for (const [entry, { connection }] of Object.entries(config.streams)) {
    const name = streamName(config, entry);
    if (!connections.has(name)) connections.set(name, connection);
    for (const job of jobsOn(config, entry)) connections.set(`${job} ${name}`, connection);
  }
  return connections;
}

function jobsOn({ jobs }: Config, entry: string): readonly string[] {
  return Object.keys(jobs).filter((job) => jobs[job]?.stream === entry);
}

function endOf(end: ReplayEnd, settings: ReplaySettings): End {
  const done = end.type === "replayed" || end.type === "resumed";
  const id = "id" in end ? { id: end.id } : {};
  return { type: end.type, done, told: told(end, settings), ...id };
}

function told(end: ReplayEnd, { dryRun, maxReplays }: ReplaySettings): string {
  switch (end.type) {
    case "replayed":
      return dryRun ? `would be replayed as ${end.id}` : `replayed as ${end.id}, sequence ${end.streamSequence}`;
    case "resumed":
      return `had been replayed as ${end.id}, sequence ${end.streamSequence}; removed from the dead letters`;
    case "duplicate":
      return (
        `not replayed: ${end.id} was stored before as sequence ${end.streamSequence} and is not there any more, ` +
        "so it was probably processed; drop the dead letter, or replay it once the stream has forgotten that id"
      );
    case "capped":
      return `not replayed: it was ${end.replays} times already, --max-replays is ${maxReplays} (--force replays it)`;
    case "truncated":
      return `not replayed: only ${end.bytes} of its ${end.of} bytes were kept, or not all of its headers`;
    case "unusable":
      return `not replayed: ${end.problem}`;
    case "failed":
      return `not replayed: ${end.detail}`;
    case "not_removed":
      return `replayed as ${end.id}, but still among the dead letters (${end.detail}); replaying again puts that right`;
    default:
      return end satisfies never;
  }
}
