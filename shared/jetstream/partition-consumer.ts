import type { ConsumerInfo, JetStreamManager } from "nats";
import { CONSUMER_NOT_FOUND, errCodeOf, unlessMissing } from "./api-error.ts";
import type { Lease } from "./lease.ts";
import { consumerSettings } from "./topology-compare.ts";
import { TopologyRefusedError } from "./topology-error.ts";

export interface PartitionSettings {
  readonly job: string;
  readonly stream: string;
  readonly partition: number;
  readonly filterSubject: string;
  readonly maxAckPending: number;
}

/**
 * The server never hands a message over again while its owner lives: that would break the order. The owner's lease on the
 * partition guards all its messages, and whoever takes it over starts them anew.
 */
const ACK_WAIT_MS = 7 * 24 * 3_600_000;

const NOT_UNIQUE_ON_WORK_QUEUE = [10099, 10100];
/** A former owner may thaw and make its consumer again between our deleting and our creating; not often. */
const MOST_TRIES = 5;

/** The durable of one ownership of a partition. */
export function partitionDurable({ job, partition }: PartitionSettings, epoch: number): string {
  return `${job}-p${partition}-${epoch}`;
}

/** The epoch of a durable of this partition; null when it is none. */
export function epochOf(settings: PartitionSettings, durable: string): number | null {
  const prefix = partitionDurable(settings, 0).slice(0, -1);
  const epoch = durable.startsWith(prefix) ? durable.slice(prefix.length) : "";
  return /^\d{1,15}$/.test(epoch) ? Number(epoch) : null;
}

/**
 * Makes the consumer of the lease's epoch, after removing those of earlier ones: JetStream does not fence acks, so a former
 * owner's go to a consumer that is gone and change nothing. What it left unsettled comes again, in order from the start.
 * The work queue itself lets no two consumers have the partition. Resolves with its name, or null when the lease was lost
 * meanwhile. Rejects when the server does not answer or refuses.
 */
export async function openPartitionConsumer(
  jsm: JetStreamManager,
  settings: PartitionSettings,
  lease: Lease,
): Promise<string | null> {
  const known = await infoOf(jsm, settings, lease.record.consumer);
  if (!(await supersede(jsm, { settings, lease, former: known === null ? [] : [known] }))) return null;
  for (let tries = 1; ; tries++) {
    if (!lease.isHeld) return null;
    const durable = partitionDurable(settings, lease.epoch);
    try {
      await jsm.consumers.add(settings.stream, { durable_name: durable, ...settingsOf(settings) });
      return durable;
    } catch (error) {
      const isTaken = NOT_UNIQUE_ON_WORK_QUEUE.includes(errCodeOf(error) ?? 0);
      if (!isTaken) throw error;
      const former = await consumersOf(jsm, settings);
      if (former.length === 0 || tries === MOST_TRIES) throw refused(settings, error);
      if (!(await supersede(jsm, { settings, lease, former }))) return null;
    }
  }
}

/** Removes the consumer of an ownership that ends; true when it is gone. Never rejects. */
export async function removePartitionConsumer(
  jsm: JetStreamManager,
  { stream }: PartitionSettings,
  durable: string,
): Promise<boolean> {
  try {
    await remove(jsm, stream, durable);
    return true;
  } catch {
    return false; // the next owner removes it
  }
}

/** How many deliveries the consumer counts; null when it is gone. Rejects when the server does not answer. */
export async function deliveriesOf(
  jsm: JetStreamManager,
  settings: PartitionSettings,
  durable: string,
): Promise<number | null> {
  return (await infoOf(jsm, settings, durable))?.delivered.consumer_seq ?? null;
}

interface Supersession {
  readonly settings: PartitionSettings;
  readonly lease: Lease;
  readonly former: readonly ConsumerInfo[];
}

/** Notes in the lease what former consumers have handed over, then removes them; in this order, or a crash forgets it. */
async function supersede(jsm: JetStreamManager, { settings, lease, former }: Supersession): Promise<boolean> {
  const epochs = former.map(({ name }) => epochOf(settings, name) ?? 0);
  const highest = Math.max(0, ...epochs);
  // Larger epochs than ours: the lease is another's by now, which the renewal tells, or the bucket was made anew.
  if (highest >= lease.epoch && !(await lease.nextEpoch(highest))) return false;
  const deliveredUpTo = Math.max(lease.record.deliveredUpTo, ...former.map(({ delivered }) => delivered.stream_seq));
  if (!(await lease.renew({ consumer: partitionDurable(settings, lease.epoch), deliveredUpTo }))) return false;
  for (const { name } of former) await remove(jsm, settings.stream, name);
  return true;
}

async function consumersOf(jsm: JetStreamManager, settings: PartitionSettings): Promise<readonly ConsumerInfo[]> {
  const found: ConsumerInfo[] = [];
  for await (const info of jsm.consumers.list(settings.stream)) {
    if (epochOf(settings, info.name) !== null) found.push(info);
  }
  return found;
}

async function infoOf(
  jsm: JetStreamManager,
  settings: PartitionSettings,
  durable: string,
): Promise<ConsumerInfo | null> {
  if (epochOf(settings, durable) === null) return null;
  return unlessMissing(CONSUMER_NOT_FOUND, () => jsm.consumers.info(settings.stream, durable));
}

async function remove(jsm: JetStreamManager, stream: string, durable: string): Promise<void> {
  await unlessMissing(CONSUMER_NOT_FOUND, () => jsm.consumers.delete(stream, durable));
}

function settingsOf({ stream, filterSubject, maxAckPending }: PartitionSettings) {
  const durable = ""; // named by whoever uses it
  return consumerSettings({ stream, durable, filterSubject, ackWaitMs: ACK_WAIT_MS, maxAckPending, maxDeliver: -1 });
}

function refused({ job, partition, stream }: PartitionSettings, cause: unknown): TopologyRefusedError {
  const subject = `the consumer of partition ${partition} of job "${job}"`;
  const reason = `another consumer of stream "${stream}" takes its messages: remove it (it may be the job's own, "${job}", from before it had order)`;
  return new TopologyRefusedError(subject, reason, { cause });
}
