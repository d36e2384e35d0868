import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { ensureNatsServer } from "../shared/nats-server/provision.ts";
import { startServer } from "../shared/nats-server/run.ts";
import type { BurstTask } from "./burst-feeder.ts";
import { script } from "./child.ts";
import { SUBJECT } from "./load.ts";
import { feed } from "./production/feed.ts";
import { ensureFleetLoad, openFleetLoad } from "./production/fleet-load.ts";
import { storedAtLast } from "./production/place.ts";
import { type Protocol, startBridge } from "./production/scene.ts";
import type { WatchedReport } from "./production/watched.ts";

/**
 * What is lost when a fleet reports within four seconds, by the rate: `npm run bench:burst`. Each burst meets a bridge and
 * a server that were started for it. `--full`: 300,000 nodes, each with a credential and a signature of its own, which
 * takes minutes to make, once; otherwise 20,000, whose messages come again and again. The bridge has seen every node once
 * before, as it has in an interval; `--cold`: it has not. `--rate N`, `--protocol v1`: only that one.
 */

const SECONDS = 4;
/** Messages a second; the last is a fleet of 300,000. */
const RATES = [2_500, 5_000, 10_000, 20_000, 40_000, 75_000];
const FLEET = { whole: 300_000, short: 20_000 };
/** After the burst: nodes that report as they should. */
const AFTERWARDS = { perSecond: 1_000, count: 2_000 };
const STREAM = "BENCH_BURST";
/** Of the round before, which loses nothing. */
const WINDOW = 512;

interface Burst {
  readonly protocol: Protocol;
  /** Before the burst, all stored. */
  readonly seen: number;
  readonly sent: number;
  readonly perSecond: number;
  /** Of all three: the round before, the burst and what came after it. */
  readonly report: WatchedReport;
  /** How many of those that came after the burst are not stored. */
  readonly lostAfterwards: number;
}

const { values } = parseArgs({
  options: {
    full: { type: "boolean", default: false },
    cold: { type: "boolean", default: false },
    rate: { type: "string" },
    protocol: { type: "string" },
  },
});
const cacheDir = join(process.cwd(), ".cache");
const say = (line: string): void => console.error(line);
const binary = await ensureNatsServer({ env: process.env, cacheDir, log: say });
console.log(
  "| protocol | sent | at, /s | not received | disconnects | shed before validation | after it | rejected | stored | ledger | most memory, MB | lost of the next 2,000 |",
);
console.log(`|${"---|".repeat(12)}`);
for (const protocol of (["v1", "v2"] as const).filter((each) => (values.protocol ?? each) === each)) {
  const senders = values.full ? FLEET.whole : FLEET.short;
  const file = await ensureFleetLoad(join(cacheDir, "bench"), { protocol, senders }, say);
  for (const perSecond of values.rate === undefined ? RATES : [Number(values.rate)]) {
    console.log(rowOf(await burst(protocol, file, perSecond)));
  }
}

async function burst(protocol: Protocol, file: string, perSecond: number): Promise<Burst> {
  const storeDir = await mkdtemp(join(tmpdir(), "choria-bridge-burst-"));
  const server = await startServer({ binary: binary.path, storeDir });
  try {
    const { url } = server;
    const { signedAtMs, trust, senders } = openFleetLoad(file);
    const place = { url, stream: STREAM };
    const bridge = await startBridge(place, { url, load: { signedAtMs, trust } });
    if (!values.cold) await seeAll({ url, file, senders });
    const seen = await storedAtLast(place);
    const sent = perSecond * SECONDS;
    const seconds = await burstOf({ url, file, count: sent, perSecond });
    const before = await storedAtLast(place);
    await burstOf({ url, file, ...AFTERWARDS });
    const lostAfterwards = AFTERWARDS.count - ((await storedAtLast(place)) - before);
    return { protocol, seen, sent, perSecond: sent / seconds, report: await bridge.stop(), lostAfterwards };
  } finally {
    await server.stop();
    await rm(storeDir, { recursive: true, force: true });
  }
}

async function seeAll({ url, file, senders }: { url: string; file: string; senders: number }): Promise<void> {
  const pace = { type: "stored", stream: STREAM, window: WINDOW } as const;
  await feed({ url, source: { type: "fleet", file }, count: senders, pace });
}

/** Seconds that it took. */
async function burstOf(task: Omit<BurstTask, "subject">): Promise<number> {
  const args = [script("burst-feeder"), JSON.stringify({ ...task, subject: SUBJECT })];
  return Number((await promisify(execFile)(process.execPath, args)).stdout);
}

function rowOf({ protocol, seen, sent, perSecond, report, lostAfterwards }: Burst): string {
  const { received, overload, shed, rejected, stored, duplicate, ingestDisconnects, memory } = report;
  const all = seen + sent + AFTERWARDS.count;
  const accounted = stored + duplicate + overload + shed + rejected;
  const cells = [
    protocol,
    sent,
    Math.round(perSecond),
    all - received,
    ingestDisconnects,
    overload,
    shed,
    rejected,
    stored + duplicate - seen - (AFTERWARDS.count - lostAfterwards),
    received === accounted ? "balanced" : `${received - accounted} unaccounted for`,
    Math.round(Math.max(...memory.map(({ rss }) => rss)) / 1e6),
    lostAfterwards,
  ];
  return `| ${cells.join(" | ")} |`;
}
