import type { Msg, NatsConnection } from "nats";
import { messageSize } from "./message-size.ts";
import { StandingSubscription, type Wanted } from "./standing.ts";

export interface CoreMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Bytes it came in: subject, headers and body. */
  readonly size: number;
  /** Every header with its values, read when asked for. Malformed ones, on which the client throws, count as none. */
  headers(): readonly (readonly [name: string, value: string])[];
}

/**
 * A core NATS subscription whose messages are handed over as the socket delivers them: nothing is queued on our side.
 * Resolves once the server has it or has refused it, which it also reports as a connection error.
 */
export async function subscribeCore(
  connection: NatsConnection,
  wanted: Wanted,
  onMessage: (message: CoreMessage) => void,
): Promise<StandingSubscription> {
  const subscription = new StandingSubscription(connection, wanted, (message) => onMessage(coreMessage(message)));
  await connection.flush(); // a refusal arrives before the answer to this
  return subscription;
}

/**
 * Whether the server lets the connection subscribe, without taking a message from anybody: in no queue group a subscription
 * gets copies, and these are dropped.
 */
export async function maySubscribe(connection: NatsConnection, subject: string): Promise<boolean> {
  let isDenied = false;
  const subscription = connection.subscribe(subject, {
    callback: (error) => {
      if (error !== null) isDenied = true;
    },
  });
  await connection.flush(); // a refusal arrives before the answer to this
  subscription.unsubscribe();
  return !isDenied;
}

function coreMessage(message: Msg): CoreMessage {
  return {
    subject: message.subject,
    data: message.data,
    size: messageSize(message),
    headers: () => headersOf(message),
  };
}

const NONE: readonly (readonly [string, string])[] = [];

function headersOf(message: Msg): readonly (readonly [string, string])[] {
  try {
    const headers = message.headers;
    if (headers === undefined) return NONE;
    return [...headers].flatMap(([name, values]) => values.map((value) => [name, value] as const));
  } catch {
    return NONE;
  }
}
