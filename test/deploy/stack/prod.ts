import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeTlsAuthority } from "../../support/tls.ts";

/** A configuration with secrets, a certificate and a group of jobs, as a production has them. */
const CONFIG = `
connections:
  jetstream:
    servers: ["\${NATS_URL}"]
    credsFile: "ssm:/\${CHORIA_BRIDGE_SERVICE}/nats.creds"
    tls: { ca: certificates/ca.pem, cert: certificates/client.pem, key: "secretsmanager:nats/client#key" }
trust:
  v1: { ca: /etc/only/the/bridge/has/it.pem }
streams:
  inventory: { connection: jetstream, subject: "choria.inventory.{sender}", allowUnprovenSender: true }
  facts: { connection: jetstream, subject: "choria.facts.{sender}", allowUnprovenSender: true }
  nodes: { connection: jetstream, subject: "nodes.{sender}", allowUnprovenSender: true }
jobs:
  republish: { stream: inventory, sink: nodes }
  facts: { stream: facts, handler: "handlers.ts#facts" }
sinks:
  nodes: { type: jetstream, to: nodes }
lambda:
  functions:
    reports: { jobs: [facts], memory: 384, timeout: 2m, reservedConcurrency: 3, schedule: "rate(2 minutes)" }
`;

/** Writes it into a checkout, as a user would; returns the file's path from there. */
export async function writeProdConfig(checkout: string): Promise<string> {
  const folder = join(checkout, "mine/lambda");
  await mkdir(join(folder, "certificates"), { recursive: true });
  const { ca, issue } = await makeTlsAuthority();
  await writeFile(join(folder, "certificates", "ca.pem"), ca);
  await writeFile(join(folder, "certificates", "client.pem"), (await issue("functions")).cert);
  await cp(join(checkout, "docs/lambda/handlers.ts"), join(folder, "handlers.ts"));
  await writeFile(join(folder, "prod.yaml"), CONFIG);
  return "mine/lambda/prod.yaml";
}
