import { connect, headers as makeHeaders, type NatsConnection } from "nats";
import { manage } from "../../shared/jetstream/manager.ts";
import { ReplyInbox } from "../../shared/jetstream/replies.ts";
import { ensureConsumer, ensureStream } from "../../shared/jetstream/topology.ts";
import { queueSpecs } from "./options.ts";
import { makeReport } from "./payload.ts";

export interface QueuePlace {
  readonly url: string;
  readonly stream: string;
}

/** Mean size of a body. */
export const BODY_BYTES = Math.round(meanLength(1_000));
const IN_FLIGHT = 512;

/** Makes a work queue anew, empty, with the settings that the worker wants, and its durable consumer. */
export async function makeQueue(place: QueuePlace): Promise<void> {
  const connection = await connect({ servers: place.url });
  const jsm = await manage(connection);
  const { stream, consumer } = queueSpecs(place);
  await jsm.streams.delete(stream.name).catch(() => {}); // of an earlier round
  await ensureStream(jsm, stream, { apply: false });
  await ensureConsumer(jsm, consumer, { apply: false });
  await connection.close();
}

/** Stores `count` distinct jobs, from number `first`, each with a message id as every enqueued job has one. */
export async function fillQueue(place: QueuePlace, count: number, first = 0): Promise<void> {
  const connection = await connect({ servers: place.url });
  await publishDistinct(connection, place.stream, { count, first });
  await connection.close();
}

/** Removes the queue with what is in it: a full disk would be measured next. */
export async function removeQueue(place: QueuePlace): Promise<void> {
  const connection = await connect({ servers: place.url });
  await (await manage(connection)).streams.delete(place.stream);
  await connection.close();
}

function publishDistinct(
  connection: NatsConnection,
  stream: string,
  { count, first }: { readonly count: number; readonly first: number },
): Promise<void> {
  const replies = new ReplyInbox(connection, 30_000, () => performance.now());
  return new Promise((resolve, reject) => {
    let sent = 0;
    let stored = 0;
    const next = (): void => {
      const number = first + sent;
      sent += 1;
      const reply = replies.expect((answer) => {
        if (answer === null || answer.json<{ seq?: number }>().seq === undefined) {
          return reject(new Error(`job ${number} was not stored: ${answer?.string() ?? "no PubAck"}`));
        }
        stored += 1;
        if (stored === count) {
          replies.close();
          resolve();
        } else if (sent < count) next();
      });
      const { subject, body, headers } = jobMessage(stream, number);
      connection.publish(subject, body, { reply, headers });
    };
    for (let started = 0; started < Math.min(IN_FLIGHT, count); started++) next();
  });
}

/** The stored form of the job with that number. */
export function jobMessage(stream: string, number: number) {
  const headers = makeHeaders();
  headers.append("Nats-Msg-Id", `job-${number}`);
  return { subject: `bench.${stream}.n${number % 1_000}`, body: JSON.stringify(makeReport(number)), headers };
}

function meanLength(count: number): number {
  let sum = 0;
  for (let number = 0; number < count; number++) sum += JSON.stringify(makeReport(number)).length;
  return sum / count;
}
