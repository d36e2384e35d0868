import { setTimeout as wait } from "node:timers/promises";
import {
  AckPolicy,
  type JetStreamManager,
  type JsMsg,
  type Msg,
  headers as makeHeaders,
  type NatsConnection,
} from "nats";
import { compileTemplate } from "../../../../shared/subjects/template.ts";
import { keyOf, type Plan, taskOf } from "./plan.ts";
import { readRuns } from "./run-log.ts";
import type { Books, DeadLetter, Effect } from "./verdict.ts";

export interface LedgerSettings {
  /** Where the work queue and the dead letters are. */
  readonly connection: NatsConnection;
  /** Where the outputs are. */
  readonly outputs: NatsConnection;
  /** Where workers note their runs. */
  readonly folder: string;
  /** Subject template of the work queue. */
  readonly subject: string;
  readonly plan: Plan;
}

/** Names on the server, fixed for all fault tests. */
export const IN = "IN";
export const OUT = "OUT";
export const JOB = "work";
const DEAD = "CHORIA_DEAD";
const DELAYED = "CHORIA_DELAYED";

/** Where workers announce the runs of messages that were delivered before. */
const MARKS = "$KV.CHORIA_RUNS.>";
const PUBLISH_TIMEOUT_MS = 5_000;
const RETRY_MS = 100;
const POLL_MS = 100;
/** A queue that has neither shrunk nor grown for so long is stuck: the verdict says with how many. */
const STUCK_MS = 60_000;
const PAGE = 5_000;

/** Enqueues numbered messages and keeps the books about what became of them. */
export class Ledger {
  readonly #settings: LedgerSettings;
  readonly #render: (sender: string) => string;
  /** A key's messages are enqueued one after the other: what is to be kept in order has to come in order. */
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #effects: Effect[] = [];
  /** Numbers by their sequence in the work queue. */
  readonly #numbers = new Map<number, number>();
  readonly #marks = new Map<number, number>();
  #enqueued = 0;

  constructor(settings: LedgerSettings) {
    this.#settings = settings;
    settings.connection.subscribe(MARKS, { callback: (_error, message) => this.#mark(message) });
    const template = compileTemplate(settings.subject);
    this.#render = (sender) => template.render({ sender, collective: "", agent: "", caller: "" });
  }

  get enqueued(): number {
    return this.#enqueued;
  }

  /** Enqueues the next `count` messages; resolves once the stream has confirmed all of them. */
  async enqueue(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, index) => this.#enqueued + index + 1);
    this.#enqueued += count;
    await Promise.all(
      numbers.map((number) => {
        const key = keyOf(number);
        const put = (this.#lanes.get(key) ?? Promise.resolve()).then(() => this.#put(number, key));
        this.#lanes.set(key, put);
        return put;
      }),
    );
  }

  /** Resolves once no message is left, or none has left for long. */
  async settled(): Promise<void> {
    let last = -1;
    let movedAt = performance.now();
    for (; performance.now() - movedAt < STUCK_MS; await wait(POLL_MS)) {
      const left = await this.left().catch(() => last); // nobody answers while a server is away
      if (left === 0) return;
      if (left !== last) movedAt = performance.now();
      last = left;
    }
  }

  /** Messages in the work queue, and those that wait for a long delay beside it. */
  async left(): Promise<number> {
    const jsm = await this.#settings.connection.jetstreamManager();
    const infos = await Promise.all([IN, DELAYED].map((stream) => jsm.streams.info(stream)));
    return infos.reduce((sum, { state }) => sum + state.messages, 0);
  }

  /** Notes the effects there are and removes them from their stream, which has room again. */
  async bank(): Promise<number> {
    const jsm = await this.#settings.outputs.jetstreamManager();
    const stored = await read(jsm, OUT);
    this.#effects.push(...stored.map(effectOf));
    const last = stored.at(-1);
    if (last !== undefined) await jsm.streams.purge(OUT, { seq: last.seq + 1 });
    return stored.length;
  }

  /** Call it once the workers have stopped. `exits`: workers that ended without being killed. */
  async books(exits: number): Promise<Books> {
    const { connection, outputs, folder } = this.#settings;
    const jsm = await connection.jetstreamManager();
    const { state } = await jsm.streams.info(IN);
    const known = await knownTo(jsm, IN);
    const [effects, dead] = await Promise.all([read(await outputs.jetstreamManager(), OUT), read(jsm, DEAD)]);
    return {
      enqueued: this.#enqueued,
      effects: [...this.#effects, ...effects.map(effectOf)],
      dead: dead.map(deadLetterOf),
      runs: await readRuns(folder),
      marks: new Map([...this.#marks].map(([sequence, count]) => [this.#numbers.get(sequence) ?? 0, count])),
      left: await this.left(),
      stranded: Math.max(0, state.messages - known),
      exits,
    };
  }

  /** Its subject is `$KV.<bucket>.<job>.<sequence>.<time>`. */
  #mark({ subject, data }: Msg): void {
    const sequence = Number(subject.split(".").at(-2));
    if (!isMark(Buffer.from(data).toString())) return;
    this.#marks.set(sequence, (this.#marks.get(sequence) ?? 0) + 1);
  }

  /** Until the stream has it: a PubAck that was lost with its server is asked for again under the same id. */
  async #put(number: number, key: string): Promise<void> {
    const headers = makeHeaders();
    headers.set("Choria-Sender", key);
    headers.set("Choria-Sender-Proof", "signature");
    const body = JSON.stringify(taskOf(this.#settings.plan, number));
    const options = { msgID: String(number), headers, timeout: PUBLISH_TIMEOUT_MS };
    for (;;) {
      try {
        const { seq } = await this.#settings.connection.jetstream().publish(this.#render(key), body, options);
        this.#numbers.set(seq, number);
        return;
      } catch (error) {
        if (this.#settings.connection.isClosed()) throw error;
        await wait(RETRY_MS);
      }
    }
  }
}

/** Messages that the stream's consumers have before them or in flight; an ordered job has one for each partition. */
async function knownTo(jsm: JetStreamManager, stream: string): Promise<number> {
  let known = 0;
  for await (const { num_pending, num_ack_pending } of jsm.consumers.list(stream))
    known += num_pending + num_ack_pending;
  return known;
}

/** False for what is written after a run, and for the removal of an entry. */
function isMark(text: string): boolean {
  return text !== "" && JSON.parse(text).running === true;
}

/** Every message of a stream, in its order. */
async function read(jsm: JetStreamManager, stream: string): Promise<readonly JsMsg[]> {
  const { state } = await jsm.streams.info(stream);
  if (state.messages === 0) return [];
  const { name } = await jsm.consumers.add(stream, { ack_policy: AckPolicy.None, inactive_threshold: 60 * 1e9 });
  const consumer = await jsm.jetstream().consumers.get(stream, name);
  const messages: JsMsg[] = [];
  while (messages.length < state.messages) {
    for await (const message of await consumer.fetch({ max_messages: PAGE, expires: 5_000 })) {
      messages.push(message);
      if (message.info.pending === 0) break;
    }
  }
  await jsm.consumers.delete(stream, name);
  return messages;
}

function effectOf({ subject, data }: JsMsg): Effect {
  return { number: Number(Buffer.from(data)), key: subject.slice(subject.indexOf(".") + 1) };
}

function deadLetterOf({ data, headers }: JsMsg): DeadLetter {
  const { number } = JSON.parse(Buffer.from(data).toString());
  return { number, reason: headers?.get("Dead-Reason") ?? "", attempts: Number(headers?.get("Dead-Attempts")) };
}
