import type { NatsConnection } from "nats";

/** Takes the next message of a durable consumer by hand, as another worker would; null when none comes within `timeoutMs`. */
export async function takeMessage(
  connection: NatsConnection,
  { stream, durable, timeoutMs }: { readonly stream: string; readonly durable: string; readonly timeoutMs: number },
): Promise<{ readonly body: string; readonly deliveryCount: number; ack(verb: string): Promise<void> } | null> {
  const consumer = await connection.jetstream().consumers.get(stream, durable);
  const message = await consumer.next({ expires: Math.max(1_000, timeoutMs) });
  if (message === null) return null;
  return {
    body: message.string(),
    deliveryCount: message.info.redeliveryCount,
    async ack(verb) {
      await connection.request((message as unknown as { msg: { reply: string } }).msg.reply, verb);
    },
  };
}
