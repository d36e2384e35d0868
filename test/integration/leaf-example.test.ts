import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { StreamConfig } from "nats";
import { parse } from "yaml";
import { parseConfig } from "../../shared/config/load.ts";
import { streamSpec } from "../../shared/config/resolve.ts";
import { compareStream } from "../../shared/jetstream/topology.ts";
import { freePort } from "../../shared/nats-server/port.ts";
import { bridgeConfig, REGISTRATION_SUBJECT, startTestBridge } from "../support/bridge.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faults/proxy.ts";
import { startFleet } from "../support/fleet.ts";
import { startNats } from "../support/nats.ts";

const sharedFleet = startFleet({ after });

const NODES = 5;
const CUT_MS = process.env.FAULTS === "long" ? 300_000 : 3_000;
/** A server asks a source again that fell silent after ten seconds and more. */
const CAUGHT_UP = { timeoutMs: 120_000 };

/** Given on the command line. */
const GIVEN_BY_TEST = { "port: 4222": "" };

const example = (name: string) => readFile(new URL(`../../docs/examples/leaf/${name}`, import.meta.url), "utf8");

/** What of an example cannot be as it is in a test. Every replacement has to be found. */
function adapted(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((changed, [from, to]) => {
    assert.ok(changed.includes(from), `the example has no ${from}`);
    return changed.replace(from, to);
  }, text);
}

/** Servers, streams and bridge as the example has them, on free ports, with a link that can be cut. */
async function setup(t: TestContext) {
  const leafPort = await freePort();
  const link = await FaultyProxy.start(t, leafPort);
  const centre = await startNats(t, {
    config: adapted(await example("centre.conf"), {
      ...GIVEN_BY_TEST,
      'store_dir: "/var/lib/nats/centre"': "",
      // Told where the centre really listens, the site would go around the link.
      'listen: "127.0.0.1:7422"': `listen: "127.0.0.1:${leafPort}", advertise: "${new URL(link.url).host}"`,
    }),
  });
  const site = await startNats(t, {
    config: adapted(await example("site.conf"), {
      "nats://centre.example.net:7422": link.url,
      ...GIVEN_BY_TEST,
      'store_dir: "/var/lib/nats/site"': "",
    }),
  });
  const [fleet, broker] = await Promise.all([sharedFleet, startNats(t)]);
  const text = await example("bridge.yaml");
  parseConfig(text, "bridge.yaml", {}); // as a whole it is a configuration; the trust is the test's own
  const { ingest, streams, quarantine } = parse(text);
  const service = await startTestBridge(
    t,
    bridgeConfig(broker.url, fleet, {
      ...{ ingest, streams, quarantine },
      connections: { broker: { servers: [broker.url] }, site: { servers: [site.url] } },
    }),
  );
  const jsm = await centre.jsm();
  const stream: Partial<StreamConfig> & { name: string } = JSON.parse(await example("centre-stream.json"));
  await eventually(() => jsm.streams.add(stream)); // the site may not have joined yet
  const client = await broker.connect();
  const send = async (first: number, count: number) => {
    for (let n = first; n < first + count; n += 1) {
      client.publish(REGISTRATION_SUBJECT, await fleet.registration(n % NODES, { payload: `{"n":${n}}` }));
    }
    await client.flush();
  };
  const atCentre = async () => (await jsm.streams.info("JOBS")).state.messages;
  return { link, service, jsm, send, atCentre };
}

test("a worker at the centre finds the stream as its configuration has it", async (t) => {
  const { jsm } = await setup(t);
  const config = parseConfig(await example("worker.yaml"), "worker.yaml", {});

  assert.deepEqual(await compareStream(jsm, streamSpec(config, "JOBS")), []);
});

test("a site whose link to the centre is cut goes on storing, and the centre gets everything once, in order per sender", async (t) => {
  const { link, service, jsm, send, atCentre } = await setup(t);
  const stored = () => service.bridge.counters.streams.get("JOBS")?.stored;
  await send(0, 40);
  await eventually(async () => assert.equal(await atCentre(), 40), CAUGHT_UP);

  link.cut();
  await send(40, 200);
  await eventually(() => assert.equal(stored(), 240));
  await wait(CUT_MS);
  assert.deepEqual(service.bridge.readiness(), { ready: true, reasons: [] });
  assert.equal(await atCentre(), 40);
  link.mend();
  await send(240, 10);

  await eventually(async () => assert.equal(await atCentre(), 250), CAUGHT_UP);
  const numbers: number[] = [];
  for (let seq = 1; seq <= 250; seq += 1) {
    const { data } = await jsm.streams.getMessage("JOBS", { seq });
    numbers.push(JSON.parse(JSON.parse(Buffer.from(data).toString()).data).n);
  }
  for (let node = 0; node < NODES; node += 1) {
    assert.deepEqual(
      numbers.filter((n) => n % NODES === node),
      Array.from({ length: 250 / NODES }, (_, n) => n * NODES + node),
    );
  }
});
