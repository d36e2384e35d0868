import type { Measured } from "../measure.ts";
import { cpuMicroseconds, median, percentile, perSecond, verdict } from "../results.ts";
import type { BacklogSize } from "./backlog.ts";
import { type BundleMeasured, FLOOR } from "./bundles.ts";
import type { WakeTimes } from "./wake.ts";

/** The rounds of one backlog. */
export interface BacklogSeries extends BacklogSize {
  readonly functions: readonly Measured[];
  readonly workers: readonly Measured[];
}

export interface FunctionsMeasured {
  /** Version of the runtime. */
  readonly node: string;
  readonly bundles: readonly BundleMeasured[];
  readonly backlogs: readonly BacklogSeries[];
  readonly emptyMs: readonly number[];
  readonly wake: WakeTimes;
}

/** The first line of the section in bench/results.md. */
const HEADING = "## Functions";

const CONSUMER_KB = 600;
const IMPORT_RATIO = 2;
const RATE_RATIO = 0.7;
const COLD_MS = 1_000;
const WARM_MS = 150;
const EMPTY_MS = 50;

/** The section of bench/results.md. `about` says where and when. */
export function renderFunctions(measured: FunctionsMeasured, about: string): string {
  const { node, bundles, backlogs } = measured;
  const versions = [...(bundles[0]?.importsMs.keys() ?? [])];
  const workers = backlogs.map(({ processes }) => processes).join(" and ");
  return [
    HEADING,
    "",
    "Written by `npm run bench -- --functions`, with `docs/lambda/consumer.yaml` for the bundles. The bundles are the ones that are",
    `deployed; the emulator of the tests runs them on Node ${node}, with the options of \`serverless.yml\`.`,
    "",
    about,
    "",
    `| Bundle | kB | bar | ${versions.map((version) => `import on ${version} | of the floor's`).join(" | ")} | bar |`,
    `|---|---|---|${versions.map(() => "---|---|").join("")}---|`,
    ...bundles.map((bundle) => bundleRow(bundle, bundles, versions)),
    "",
    "Import: a fresh process each, in turns, from the request for the module to the end of its evaluation; median. The check of the",
    "configuration and the connecting that the consumer begins right after are not in it; a cold wake-up has them. Floor: nats and zod,",
    "bundled alike.",
    "",
    "| Backlog | processes | functions, messages/s | workers, messages/s | CPU us a message, functions and workers | ratio of the rates | bar |",
    "|---|---|---|---|---|---|---|",
    ...backlogs.map(backlogRow),
    "",
    `Backlog: payload, handler and concurrency of the subject \`worker\` above, ${workers} processes of either kind on the same Node, warm,`,
    "in turns, on one nats-server; median of the rounds, and their range. Functions: from the first pull to the server's last",
    "acknowledgement, invoked with the dispatcher's budget, again until they find the queue empty. Workers: the same number of messages,",
    "after what warmed them up.",
    "",
    "| Limit | measured | bar |",
    "|---|---|---|",
    ...limitRows(measured),
    "",
    "Wake-up: `choria-bridge dispatch` in a process of its own; messages come one at a time into an idle queue, 0.25 to 1.15 s after the end",
    "of the invocation before; from before the publish to the start of the handler. Cold: the environment was taken away before.",
    "",
  ].join("\n");
}

function bundleRow(
  { name, bytes, importsMs }: BundleMeasured,
  all: readonly BundleMeasured[],
  versions: readonly string[],
) {
  const floor = all.find((bundle) => bundle.name === FLOOR)?.importsMs;
  const imports = versions.map((version) => {
    const ms = median(importsMs.get(version) ?? []);
    const ratio = ms / median(floor?.get(version) ?? []);
    return `${ms.toFixed(0)} ms | ${name === FLOOR ? "" : `${ratio.toFixed(2)} ${verdict(ratio <= IMPORT_RATIO)}`}`;
  });
  const size = name === "consumer" ? `${verdict(bytes <= CONSUMER_KB * 1_000)} at most ${CONSUMER_KB}` : "";
  const bar = name === FLOOR ? "" : `at most ${IMPORT_RATIO}`;
  return `| ${name} | ${(bytes / 1_000).toFixed(0)} | ${size} | ${imports.join(" | ")} | ${bar} |`;
}

function backlogRow({ messages, processes, functions, workers }: BacklogSeries): string {
  const rates = (rounds: readonly Measured[]) => {
    const each = rounds.map((round) => Math.round(perSecond(round)));
    return `${median(each)} (${Math.min(...each)} to ${Math.max(...each)})`;
  };
  const cpu = (rounds: readonly Measured[]) => median(rounds.map(cpuMicroseconds)).toFixed(1);
  const ratio = median(functions.map(perSecond)) / median(workers.map(perSecond));
  return `| ${messages} | ${processes} | ${rates(functions)} | ${rates(workers)} | ${cpu(functions)}, ${cpu(workers)} | ${ratio.toFixed(2)} ${verdict(ratio >= RATE_RATIO)} | at least ${RATE_RATIO} |`;
}

function limitRows({ emptyMs, wake: { warmMs, coldMs } }: FunctionsMeasured): readonly string[] {
  const row = (name: string, values: readonly number[], bar: number): string => {
    const p99 = percentile(values, 0.99);
    const text = `p50 ${percentile(values, 0.5).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms ${verdict(p99 <= bar)}`;
    return `| ${name}, ${values.length} times | ${text} | p99 at most ${bar} ms |`;
  };
  return [
    row("wake-up, cold", coldMs, COLD_MS),
    row("wake-up, warm", warmMs, WARM_MS),
    row("empty invocation, warm, billed", emptyMs, EMPTY_MS),
  ];
}
