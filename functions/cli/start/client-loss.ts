import * as z from "zod";

/** The part of nats-server's `/connz` that is read here. */
const connzSchema = z.object({ connections: z.array(z.object({ name: z.string().optional(), out_msgs: z.number() })) });

/**
 * How many messages the server has written to the connections of that client name, the closed ones included: the other
 * end's count of what a receiver was sent. Null when the server's monitoring does not say.
 */
export async function deliveredByServer(monitorUrl: string, clientName: string): Promise<number | null> {
  let delivered = 0;
  for (const state of ["open", "closed"]) {
    const response = await fetch(`${monitorUrl}/connz?state=${state}&limit=1024`);
    const connz = connzSchema.safeParse(await response.json());
    if (!response.ok || !connz.success) return null;
    for (const { name, out_msgs: messages } of connz.data.connections) if (name === clientName) delivered += messages;
  }
  return delivered;
}
