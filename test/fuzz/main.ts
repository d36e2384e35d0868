// npm run fuzz -- --seconds 60 --seed 1, or --cases 10000000. Exit code 1 when a case breaks a rule: each batch has the next seed.
import { parseArgs } from "node:util";
import { Fuzzer } from "./fuzz.ts";

const BATCH = 5_000;
const REPORT_EVERY_MS = 30_000;
/** The judge's caches are bounded and the fuzzer keeps no case: whatever was judged, memory ends where it began. */
const MOST_GROWTH_BYTES = 48 * 1_048_576;
const WARM_UP_BATCHES = 4;

const { values } = parseArgs({
  options: { seconds: { type: "string" }, cases: { type: "string" }, seed: { type: "string", default: "1" } },
});
const wanted = values.cases === undefined ? Number.POSITIVE_INFINITY : positive("cases", values.cases);
const seconds = values.seconds ?? (values.cases === undefined ? "60" : undefined);
const deadline =
  seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + positive("seconds", seconds) * 1_000;
const seed = positive("seed", values.seed);

process.exitCode = await main();

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`--${name} must be a whole number above 0`);
  process.exit(2);
}

async function main(): Promise<number> {
  const fuzzer = await Fuzzer.open();
  const start = performance.now();
  console.log(`${fuzzer.specimens.length} genuine messages, seed ${seed}`);
  let [reportAt, baseline, growth] = [start + REPORT_EVERY_MS, 0, 0];
  for (let batch = 0; fuzzer.tally.cases < wanted && performance.now() < deadline; batch += 1) {
    const failure = await fuzzer.run(Math.min(BATCH, wanted - fuzzer.tally.cases), seed + batch);
    if (failure !== null) {
      console.error(`${failure.report}\nmessage (base64): ${failure.message}`);
      return 1;
    }
    const heap = heapBytes();
    if (batch < WARM_UP_BATCHES) baseline = Math.max(baseline, heap);
    growth = Math.max(growth, heap - baseline);
    if (batch >= WARM_UP_BATCHES && growth > MOST_GROWTH_BYTES) {
      console.error(`memory grew by ${growth} bytes within ${fuzzer.tally.cases} cases`);
      return 1;
    }
    if (performance.now() < reportAt) continue;
    reportAt += REPORT_EVERY_MS;
    console.log(progress(fuzzer, start, growth));
  }
  console.log(progress(fuzzer, start, growth));
  console.log(`dearest: ${fuzzer.cost.worstCase || "none"}`);
  console.log(verdictTable(fuzzer));
  return 0;
}

/** What is in use after a full collection: `node --expose-gc`. */
function heapBytes(): number {
  if (globalThis.gc === undefined) throw new Error("run it as `npm run fuzz`: memory is measured with --expose-gc");
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

function progress({ tally, cost }: Fuzzer, start: number, growth: number): string {
  const passed = (performance.now() - start) / 1_000;
  const rate = Math.round(tally.cases / passed);
  const dearest = `${cost.suspicions} looked dear, the dearest cost ${cost.worst.toFixed(1)} times a valid message`;
  return `${tally.cases} cases in ${Math.round(passed)} s (${rate}/s); ${dearest}; heap +${Math.round(growth / 1_048_576)} MB`;
}

function verdictTable({ tally }: Fuzzer): string {
  const rows = [...tally.verdicts].sort(([, a], [, b]) => b - a);
  return rows.map(([name, count]) => `${String(count).padStart(10)}  ${name}`).join("\n");
}
