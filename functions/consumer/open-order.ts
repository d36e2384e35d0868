import { hostname } from "node:os";
import type { Config } from "../../shared/config/schema.ts";
import { manage } from "../../shared/jetstream/manager.ts";
import { Presence } from "../../shared/jetstream/presence.ts";
import { streamState } from "../../shared/jetstream/stream-state.ts";
import { partitionFilters } from "../../shared/subjects/partition-filters.ts";
import { compileTemplate } from "../../shared/subjects/template.ts";
import type { Job } from "./job.ts";
import { orderKeyOf } from "./message.ts";
import type { OrderedConsumerSettings } from "./ordered-consumer.ts";
import type { QueueState } from "./queue-state.ts";

/** What an ordered job needs beyond any other. */
export type Order = Pick<
  OrderedConsumerSettings,
  | "jsm"
  | "backlog"
  | "leaseMs"
  | "filterSubjects"
  | "stateBucket"
  | "presence"
  | "worker"
  | "host"
  | "messagesLeft"
  | "keyOf"
>;

/** Null: the job has no order. */
export async function openOrder(config: Config, job: Job, state: QueueState, worker: string): Promise<Order | null> {
  const { order, stream = "" } = config.jobs[job.name] ?? {};
  if (order === undefined) return null;
  const { connection } = state.channel;
  return {
    jsm: await manage(connection),
    backlog: order.backlog,
    leaseMs: order.lease,
    filterSubjects: partitionFilters(compileTemplate(config.streams[stream]?.subject ?? "")) ?? [],
    stateBucket: state.state.name,
    presence: new Presence(state.workers, { topic: `order.${job.name}`, worker }),
    worker,
    host: hostname(),
    messagesLeft: async () => (await streamState(connection, job.stream)).messages,
    keyOf: (delivery) => orderKeyOf(job.handler, delivery),
  };
}
