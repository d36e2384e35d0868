import { createServer } from "node:net";
import { freePort } from "../../../shared/nats-server/port.ts";

/** The port if nobody has it, else one that is free. */
export async function portToUse(port: number): Promise<number> {
  const isFree = await new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
  return isFree ? port : freePort();
}
