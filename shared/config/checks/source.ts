import { streamName } from "../names.ts";
import type { Finding } from "../problem.ts";
import type { Config, IngestConfig } from "../schema.ts";
import { checkAckWait } from "./ack-wait.ts";
import { pairs } from "./scope.ts";

type SourceConfig = NonNullable<IngestConfig["source"]>;

/** Whether `from`, `source`, `queue` and `enforce` of an ingest fit together. */
export function checkSource(config: Config, path: PropertyKey[], ingest: IngestConfig): readonly Finding[] {
  return ingest.from === "core" ? checkCore(path, ingest) : checkStreamSource(config, path, ingest);
}

function checkCore(path: PropertyKey[], { source }: IngestConfig): Finding[] {
  if (source === undefined) return [];
  const problem = "has no effect with from: core, which is a subscription";
  return [{ path: [...path, "source"], value: undefined, problem, fix: "write from: stream, or leave it out" }];
}

function checkStreamSource(config: Config, path: PropertyKey[], ingest: IngestConfig): Finding[] {
  const refuse = (key: string, problem: string, fix: string): Finding => ({
    path: [...path, key],
    value: undefined,
    problem,
    fix,
  });
  const { source, queue, enforce } = ingest;
  return [
    ...(source === undefined
      ? [refuse("source", "is missing: from: stream has to say which", "add source: { stream: <its name> }")]
      : [
          ...checkAckWait([...path, "source", "ackWait"], source.ackWait),
          ...checkMaxAckPending([...path, "source", "maxAckPending"], source),
          ...checkLoop(config, [...path, "source", "stream"], { ...ingest, source }),
        ]),
    ...(queue === undefined
      ? []
      : [refuse("queue", "has no effect with from: stream", "leave it out: bridges share the durable consumer")]),
    ...(enforce
      ? []
      : [
          refuse(
            "enforce",
            "a shadow takes no messages from a stream: acknowledged, they would be gone",
            "write from: core",
          ),
        ]),
  ];
}

function checkMaxAckPending(path: PropertyKey[], { inFlight, maxAckPending = inFlight }: SourceConfig): Finding[] {
  if (maxAckPending >= inFlight) return [];
  const problem = `is less than inFlight (${inFlight}): one bridge alone would be given no more`;
  return [
    { path, value: maxAckPending, problem, fix: "raise it to inFlight times the bridges you run, or lower inFlight" },
  ];
}

/** What a stream of ours is given would come back to it for ever. */
function checkLoop(
  config: Config,
  path: PropertyKey[],
  { connection, source }: IngestConfig & { readonly source: SourceConfig },
): Finding[] {
  const ours = Object.keys(config.streams).filter(
    (entry) => config.streams[entry]?.connection === connection && streamName(config, entry) === source.stream,
  );
  return ours.map((entry) => ({
    path,
    value: source.stream,
    problem: `is the stream of streams.${entry}, which holds what is proven already`,
    fix: "name the stream that nodes or the broker write to; jobs read streams.*",
  }));
}

/** A consumer gives each message once: two ingests with one would each get a part. */
export function checkSourcesTogether({ ingest }: Config): readonly Finding[] {
  const sources = Object.entries(ingest).flatMap(([name, { connection, from, source }]) =>
    from === "stream" && source !== undefined ? [{ name, consumer: [connection, source.stream, source.durable] }] : [],
  );
  return pairs(sources).flatMap(([first, second]) => {
    if (first.consumer.join("/") !== second.consumer.join("/")) return [];
    const path = ["ingest", second.name, "source", "durable"];
    const problem = `is the consumer of ingest "${first.name}" too: each would get a part of the messages`;
    return [{ path, value: second.consumer.at(-1), problem, fix: "give each ingest a durable of its own" }];
  });
}
