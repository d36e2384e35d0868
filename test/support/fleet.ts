import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeIdentity } from "../../functions/simulate/identity.ts";
import { openPki, type SimulatedPki, type Standing } from "../../functions/simulate/pki.ts";
import {
  composeV1Reply,
  composeV1Request,
  composeV2Reply,
  composeV2Request,
  type RequestFields,
} from "../../shared/choria/compose.ts";
import { ksuid, v1RequestId } from "../../shared/choria/ids.ts";

export interface TestFleet {
  readonly pki: SimulatedPki;
  /** A really signed registration of node `index`, of this moment. */
  registration(
    index: number,
    values?: Partial<RequestFields> & { standing?: Standing; protocol?: "v1" | "v2" },
  ): Promise<Buffer>;
  reply(index: number, values?: { payload?: string; protocol?: "v1" | "v2"; signed?: boolean }): Promise<Buffer>;
}

/** Credentials of a small fleet in a folder of their own, gone with the test. */
export async function startFleet(t: { after(cleanUp: () => Promise<void>): void }): Promise<TestFleet> {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-fleet-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const pki = await openPki({ folder, collective: "mcollective", now: new Date() });
  const nowNs = () => BigInt(Date.now()) * 1_000_000n;
  return {
    pki,
    async registration(index, { standing = "trusted", protocol = "v2", ...values } = {}) {
      const sender = nodeIdentity(index);
      const fields: RequestFields = {
        requestId:
          protocol === "v1" ? v1RequestId(randomBytes(16)) : ksuid(Math.floor(Date.now() / 1_000), randomBytes(16)),
        sender,
        caller: protocol === "v1" ? `choria=${sender}` : sender,
        collective: "mcollective",
        agent: "registration",
        ttlSeconds: 60,
        timeNs: nowNs(),
        payload: JSON.stringify({ protocol: "choria:registration:inventorycontent:1", content: { facts: { index } } }),
        replyTo: "dev.null",
        server: null,
        ...values,
      };
      return protocol === "v1"
        ? composeV1Request(fields, await pki.v1(sender, standing))
        : composeV2Request(fields, await pki.v2(sender, standing));
    },
    async reply(index, { payload = '{"statuscode":0}', protocol = "v2", signed = true } = {}) {
      const sender = nodeIdentity(index);
      const requestId =
        protocol === "v1" ? v1RequestId(randomBytes(16)) : ksuid(Math.floor(Date.now() / 1_000), randomBytes(16));
      const fields = { requestId, sender, agent: "rpcutil", timeNs: nowNs(), payload, server: null };
      return protocol === "v1"
        ? composeV1Reply(fields)
        : composeV2Reply(fields, signed ? await pki.v2(sender, "trusted") : null);
    },
  };
}
