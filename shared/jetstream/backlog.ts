import type { NatsConnection } from "nats";

export interface Backlog {
  /** Messages never handed over. */
  readonly waiting: number;
  /** Messages handed over and not settled: in a worker's hands, or waiting for their retry. */
  readonly unsettled: number;
}

/** What a consumer has left to do. Rejects when the server does not answer, or has no such consumer. */
export async function backlogOf(
  connection: NatsConnection,
  { stream, durable }: { readonly stream: string; readonly durable: string },
): Promise<Backlog> {
  const reply = await connection.request(`$JS.API.CONSUMER.INFO.${stream}.${durable}`, "", { timeout: 2_000 });
  const info: { num_pending?: number; num_ack_pending?: number; error?: { description?: string } } = reply.json();
  if (info.error !== undefined) throw new Error(`consumer ${stream}/${durable}: ${info.error.description}`);
  return { waiting: info.num_pending ?? 0, unsettled: info.num_ack_pending ?? 0 };
}
