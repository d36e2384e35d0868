import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { JetStreamManager, NatsConnection } from "nats";
import { REGISTRATION_SUBJECT } from "../bridge.ts";
import { eventually } from "../eventually.ts";
import type { TestFleet } from "../fleet.ts";
import { sourceConsumer } from "../source.ts";

/** Numbered registrations that were stored in a source, to be found again in the stream `JOBS`. */
export interface SourceLedger {
  /** Stores so many more in the source, each confirmed. */
  add(messages: number): Promise<void>;
  /** Waits until nothing is left at the source, then balances: which are missing, and which stand there twice. */
  balance(t: TestContext, row: { fault: string; times: number; version: string }): Promise<void>;
}

const NODES = 25;
const SETTLED_WITHIN_MS = 120_000;

export function openSourceLedger(
  client: NatsConnection,
  fleet: TestFleet,
  managers: { readonly source: JetStreamManager; readonly target: JetStreamManager },
): SourceLedger {
  const started = performance.now();
  let messages = 0;
  return {
    async add(count) {
      for (const last = messages + count; messages < last; messages += 1) {
        const message = await fleet.registration(messages % NODES, { payload: `{"n":${messages}}` });
        await client.jetstream().publish(REGISTRATION_SUBJECT, message);
      }
    },
    async balance(t, { fault, times, version }) {
      const consumer = await eventually(
        async () => {
          const info = await sourceConsumer(managers.source);
          assert.deepEqual([info.num_pending, info.num_ack_pending], [0, 0]);
          return info;
        },
        { timeoutMs: SETTLED_WITHIN_MS },
      );
      // Asked again when a server that has just been started does not answer in time.
      const numbers = await eventually(() => numbersIn(managers.target), { timeoutMs: SETTLED_WITHIN_MS });
      const found = new Set(numbers);
      const missing = Array.from({ length: messages }, (_, n) => n).filter((n) => !found.has(n));
      const repeated = consumer.delivered.consumer_seq - messages;
      const seconds = Math.round((performance.now() - started) / 1_000);
      const cells = [fault, times, messages, found.size, repeated, missing.length, numbers.length - found.size];
      t.diagnostic(`| ${cells.join(" | ")} | ${seconds} s | nats-server ${version} |`);
      assert.deepEqual([missing, numbers.length], [[], messages]);
    },
  };
}

async function numbersIn(jsm: JetStreamManager): Promise<readonly number[]> {
  const { state } = await jsm.streams.info("JOBS");
  const numbers: number[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const { data } = await jsm.streams.getMessage("JOBS", { seq });
    numbers.push(JSON.parse(JSON.parse(Buffer.from(data).toString()).data).n);
  }
  return numbers;
}
