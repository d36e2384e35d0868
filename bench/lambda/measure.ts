import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provideNode } from "../../test/support/lambda/node.ts";
import type { Measured } from "../measure.ts";
import { type BacklogSize, drainByFunctions, drainByWorkers } from "./backlog.ts";
import { measureBundles } from "./bundles.ts";
import type { Bench } from "./deploy.ts";
import { emptyInvocations } from "./empty.ts";
import type { BacklogSeries, FunctionsMeasured } from "./section.ts";
import { measureWake } from "./wake.ts";

/** The runtime of serverless.yml. */
const NODE_MAJOR = 24;

/** How often, and how much. */
export interface FunctionsSize {
  readonly imports: number;
  readonly backlog: number;
  readonly rounds: number;
  readonly warm: number;
  readonly cold: number;
  readonly empty: number;
}

export const WHOLE: FunctionsSize = { imports: 15, backlog: 200_000, rounds: 5, warm: 300, cold: 60, empty: 500 };
/** Shows that it works, not how fast. */
export const SHORT: FunctionsSize = { imports: 3, backlog: 20_000, rounds: 1, warm: 10, cold: 3, empty: 50 };
/** A process alone, and as many as the machine of the published numbers has cores. */
const PROCESSES = [1, 2];

interface Place extends Pick<Bench, "url" | "root" | "say"> {
  /** Where the runtime's Node.js is kept between runs. */
  readonly cacheDir: string;
}

/** All that is measured of the functions, packaged as for AWS. Rejects when there is no Node.js of the runtime's version. */
export async function measureFunctions(place: Place, size: FunctionsSize): Promise<FunctionsMeasured> {
  const node = await provideNode(NODE_MAJOR, place.cacheDir, place.say);
  if (!node.ok) throw new Error(node.reason);
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-bench-functions-"));
  const bench = { ...place, node: node.path, folder };
  try {
    const bundles = await measureBundles(bench, size.imports);
    const backlogs: BacklogSeries[] = [];
    for (const processes of PROCESSES) backlogs.push(await compare(bench, { messages: size.backlog, processes }, size));
    place.say("empty invocations");
    const emptyMs = await emptyInvocations(bench, size.empty);
    place.say("wake-ups by the dispatcher");
    const wake = await measureWake(bench, size);
    return { node: node.version, bundles, backlogs, emptyMs, wake };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** In turns: what else runs on the machine comes and goes. */
async function compare(bench: Bench, backlog: BacklogSize, { rounds }: FunctionsSize): Promise<BacklogSeries> {
  const functions: Measured[] = [];
  const workers: Measured[] = [];
  const subjects = [
    { name: "functions", drain: drainByFunctions, into: functions },
    { name: "workers", drain: drainByWorkers, into: workers },
  ];
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, drain, into } of subjects) {
      const measured = await drain(bench, backlog);
      into.push(measured);
      bench.say(`${name}, ${backlog.processes}: ${Math.round(measured.messages / measured.seconds)}/s`);
    }
  }
  return { ...backlog, functions, workers };
}
