import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { JetStreamManager } from "nats";
import type { RunningBridge } from "../../bridge-process.ts";
import { eventually } from "../../eventually.ts";
import { Samples } from "./metrics.ts";
import { Sender } from "./sender.ts";

/** The stream of a scene. */
export const STREAM = "JOBS";

const SETTLED_WITHIN_MS = 60_000;

/** What was sent, what the bridges say they did with it, and what the stream really holds. */
export interface Balance {
  readonly sent: number;
  /** Numbers that were sent and are not in the stream. */
  readonly missing: readonly number[];
  /** How many stand in the stream, those of which the sender does not know included. */
  readonly found: number;
  /** Of the bridges that live. */
  readonly received: number;
  readonly stored: number;
  /** Before validation and after it, by reason. */
  readonly shed: Readonly<Record<string, number>>;
  /** Lost connections of the subscription: loss of unknown size. */
  readonly disconnects: number;
  readonly disconnectedSeconds: number;
  /** Publishes that were tried again, by failure. */
  readonly retries: Readonly<Record<string, number>>;
}

/** The ledger of a scene: sent = stored + shed + what nobody received. */
export class Books {
  readonly #sender: Sender;
  readonly #jsm: JetStreamManager;
  readonly #bridges: RunningBridge[] = [];
  readonly #started = performance.now();
  /** What was taken out of the stream. */
  readonly #banked: number[] = [];

  constructor(sender: Sender, jsm: JetStreamManager) {
    this.#sender = sender;
    this.#jsm = jsm;
  }

  follow(bridge: RunningBridge): void {
    this.#bridges.push(bridge);
  }

  /** Sums over the bridges that live. */
  async samples(): Promise<readonly Samples[]> {
    const living = this.#bridges.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    return Promise.all(living.map(({ telemetryUrl }) => Samples.read(telemetryUrl)));
  }

  async sum(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return (await this.samples()).reduce((total, samples) => total + samples.sum(name, labels), 0);
  }

  /** Takes out what the stream holds, which makes room in it, and keeps account of it; resolves to how many. */
  async bank(): Promise<number> {
    const { numbers, lastSequence } = await readNumbers(this.#jsm);
    await this.#jsm.streams.purge(STREAM, { seq: lastSequence + 1 });
    this.#banked.push(...numbers);
    return numbers.length;
  }

  /**
   * Waits until no bridge holds anything, then balances. Asserted for every fault: each bridge accounts for what it
   * received, nothing stands in the stream twice, and the stream holds whatever a PubAck confirmed.
   */
  async balance(): Promise<Balance> {
    const samples = await this.#settled();
    const sum = (name: string, labels = {}) => samples.reduce((total, each) => total + each.sum(name, labels), 0);
    for (const each of samples) assertAccountedFor(each);
    const numbers = [...this.#banked, ...(await readNumbers(this.#jsm)).numbers];
    const found = new Set(numbers);
    assert.equal(numbers.length, found.size, "messages stand in the stream twice");
    assert.ok(found.size >= sum("stored_total", { stream: STREAM }), "what a PubAck confirmed is not in the stream");
    if (this.#bridges.length === 1) assertInOrder(numbers);
    const { sent } = this.#sender;
    return {
      sent: sent.size,
      found: found.size,
      missing: [...sent.keys()].filter((n) => !found.has(n)),
      received: sum("received_total"),
      stored: sum("stored_total", { stream: STREAM }),
      shed: withoutZeros({ ...merged(samples, "shed_total", "reason"), overload: sum("overload_total") }),
      disconnects: sum("disconnects_total", { connection: "ingest main" }),
      disconnectedSeconds: sum("disconnected_seconds_total", { connection: "ingest main" }),
      retries: withoutZeros(merged(samples, "publish_retries_total", "failure")),
    };
  }

  /** Says a balance as a row of the table in docs/reliability.md. */
  report(t: TestContext, fault: string, balance: Balance, version: string): void {
    const shed = Object.values(balance.shed).reduce((total, count) => total + count, 0);
    const reasons = Object.entries(balance.shed).map(([reason, count]) => `${count} ${reason}`);
    const cells = [
      fault,
      balance.sent,
      balance.sent - balance.missing.length,
      reasons.join(", ") || "0",
      balance.missing.length - shed,
      balance.disconnects,
      Object.entries(balance.retries)
        .map(([failure, count]) => `${count} ${failure}`)
        .join(", ") || "0",
      `${Math.round((performance.now() - this.#started) / 1_000)} s`,
    ];
    t.diagnostic(`| ${cells.join(" | ")} | nats-server ${version}`);
  }

  async #settled(): Promise<readonly Samples[]> {
    return eventually(
      async () => {
        const samples = await this.samples();
        for (const each of samples) {
          assert.deepEqual([each.sum("validating"), each.sum("buffer_messages")], [0, 0], "still in hand");
        }
        return samples;
      },
      { timeoutMs: SETTLED_WITHIN_MS },
    );
  }
}

/** A bridge's own equations: docs/metrics.md. */
function assertAccountedFor(samples: Samples): void {
  const ends = samples.sum("validated_total") + samples.sum("rejected_total") + samples.sum("overload_total");
  assert.equal(samples.sum("received_total"), ends, "received is not validated + rejected + overload");
  const kept = samples.sum("stored_total") + samples.sum("duplicate_total") + samples.sum("shed_total");
  assert.equal(samples.sum("accepted_total"), kept, "accepted is not stored + duplicate + shed");
}

/** The messages of each sender, in the order in which the stream has them. */
function assertInOrder(numbers: readonly number[]): void {
  const last = new Map<number, number>();
  for (const n of numbers) {
    const before = last.get(Sender.nodeOf(n)) ?? Number.NEGATIVE_INFINITY;
    assert.ok(n > before, `message ${n} stands behind ${before} of the same sender`);
    last.set(Sender.nodeOf(n), n);
  }
}

async function readNumbers(jsm: JetStreamManager) {
  const { state } = await jsm.streams.info(STREAM);
  const numbers: number[] = [];
  const lastSequence = state.last_seq;
  if (state.messages === 0) return { numbers, lastSequence };
  const consumer = await jsm.jetstream().consumers.get(STREAM);
  for await (const { data, seq } of await consumer.fetch({ max_messages: state.messages, expires: 30_000 })) {
    numbers.push(JSON.parse(JSON.parse(Buffer.from(data).toString()).data).n);
    if (seq === lastSequence) break;
  }
  assert.equal(numbers.length, state.messages, "the stream could not be read to its end");
  return { numbers, lastSequence };
}

function merged(samples: readonly Samples[], name: string, label: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const each of samples) {
    for (const [value, count] of Object.entries(each.by(name, label))) sums[value] = (sums[value] ?? 0) + count;
  }
  return sums;
}

function withoutZeros(counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
