import { createHash, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Authenticator, type ConnectionOptions, connect, type NatsConnection } from "nats";
import { seedKey } from "../../vectors.ts";
import type { Holder } from "../authority.ts";
import type { ChoriaNetwork } from "../network.ts";
import { COLLECTIVE } from "../settings.ts";

/**
 * Joins a broker as a NATS client with code of its own, not the bridge's: what a test compares the bridge with must not
 * share its mistakes. Closed with the test.
 */
export async function joinBroker(
  t: { after(cleanUp: () => Promise<void>): void },
  { url, authority: { caFile } }: ChoriaNetwork,
  { files, callerId }: Holder,
): Promise<NatsConnection> {
  const options: ConnectionOptions = { servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 };
  const connection = await connect(
    "cert" in files
      ? { ...options, tls: { caFile, certFile: files.cert, keyFile: files.key } }
      : {
          ...options,
          tls: { caFile },
          inboxPrefix: `${COLLECTIVE}.reply.${createHash("md5").update(callerId).digest("hex")}`,
          authenticator: await tokenAuthenticator(files),
        },
  );
  t.after(() => connection.close());
  return connection;
}

async function tokenAuthenticator(files: { tokenFile: string; seedFile: string }): Promise<Authenticator> {
  const [token, seed] = await Promise.all([readFile(files.tokenFile, "utf8"), readFile(files.seedFile, "utf8")]);
  const key = seedKey(seed);
  return (nonce) => ({
    auth_token: token.trim(),
    sig: sign(null, Buffer.from(nonce ?? ""), key).toString("base64url"),
  });
}
