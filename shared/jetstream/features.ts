import type { Config } from "../config/schema.ts";
import { JobsError } from "../jobs/errors.ts";

/** What differs between the servers we run on and matters to us. Old servers ignore what they do not know in silence. */
export interface ServerFeatures {
  /** Consumers by name with one filter, reads of the next message by subject, refusing new messages per subject. */
  readonly jobQueue: boolean;
  /** Every overlap of filters on a work queue is refused, not only one that contains the other. */
  readonly overlapCheck: boolean;
  /** `+TERM` may carry a reason. */
  readonly termReason: boolean;
  readonly consumerPause: boolean;
  readonly messageTtl: boolean;
  /** Messages stored now and delivered at a time (`@at`). */
  readonly schedules: boolean;
}

export type Feature = keyof ServerFeatures;

/** The first version that has it. */
const SINCE: Readonly<Record<Feature, string>> = {
  jobQueue: "2.9.0",
  overlapCheck: "2.10.0",
  termReason: "2.10.4",
  consumerPause: "2.11.0",
  messageTtl: "2.11.0",
  schedules: "2.12.0",
};

/** `refuse`: it cannot run so. `reduced`: it runs, with less. */
export type MissingMode = "refuse" | "reduced";

/** Something the configuration uses, or wants to. */
export interface FeatureNeed {
  readonly feature: Feature;
  /** As `jobs`, or `jobs a, b`. */
  readonly neededBy: string;
  readonly mode: MissingMode;
  /** What it means that the server does not have it. */
  readonly without: string;
}

export interface FeatureFinding {
  readonly feature: Feature;
  readonly neededBy: string;
  readonly present: boolean;
  readonly mode: MissingMode;
  /** One line for people. */
  readonly text: string;
}

/** The server is too old for what the configuration asks of it. */
export class ServerTooOldError extends JobsError {
  override readonly name = "ServerTooOldError";
  readonly code = "SERVER_TOO_OLD";
  readonly retryable = false;

  constructor(findings: readonly FeatureFinding[]) {
    super(findings.map(({ text }) => text).join("\n"));
  }
}

/** What a server of that version can do. A version that cannot be read counts as one that can nothing. */
export function featuresOf(version: string): ServerFeatures {
  const has = (feature: Feature): boolean => isAtLeast(version, SINCE[feature]);
  return {
    jobQueue: has("jobQueue"),
    overlapCheck: has("overlapCheck"),
    termReason: has("termReason"),
    consumerPause: has("consumerPause"),
    messageTtl: has("messageTtl"),
    schedules: has("schedules"),
  };
}

/** What a configuration uses of the server behind one of its connections. */
export function featureNeeds(
  { jobs, streams }: Pick<Config, "jobs" | "streams">,
  connection: string,
): readonly FeatureNeed[] {
  const here = Object.entries(jobs).filter(([, { stream }]) => streams[stream]?.connection === connection);
  if (here.length === 0) return [];
  const shared = here.filter(
    ([, { stream }]) =>
      streams[stream]?.retention === "workqueue" && here.filter(([, other]) => other.stream === stream).length > 1,
  );
  const pausable = here.filter(([, { order }]) => order === undefined);
  return [
    need("jobQueue", here, "refuse", "this server cannot hold a job queue"),
    need("overlapCheck", shared, "reduced", "overlapping filters are found by the check of the configuration alone"),
    need("consumerPause", pausable, "reduced", "a pause is the flag alone: other clients of the consumer go on"),
  ].filter(({ neededBy }) => neededBy !== "");
}

function need(
  feature: Feature,
  jobs: readonly (readonly [string, unknown])[],
  mode: MissingMode,
  without: string,
): FeatureNeed {
  const names = jobs.map(([name]) => name).join(", ");
  return { feature, neededBy: names === "" ? "" : `jobs ${names}`, mode, without };
}

/** Each need with whether the server of that version meets it. */
export function checkFeatures(needs: readonly FeatureNeed[], version: string): readonly FeatureFinding[] {
  const features = featuresOf(version);
  return needs.map(({ feature, neededBy, mode, without }) => {
    const present = features[feature];
    const text = present
      ? `${feature}: present (${neededBy})`
      : `${feature}: nats-server ${version} does not have it (${SINCE[feature]} does), ${neededBy}: ${without}`;
    return { feature, neededBy, present, mode, text };
  });
}

/**
 * For the start of a worker, once per connection: throws `ServerTooOldError` where the server cannot do what is needed, and
 * says each reduced mode by name.
 */
export function requireFeatures(
  needs: readonly FeatureNeed[],
  version: string,
  onReduced: (finding: FeatureFinding) => void,
): void {
  const missing = checkFeatures(needs, version).filter(({ present }) => !present);
  const refused = missing.filter(({ mode }) => mode === "refuse");
  if (refused.length > 0) throw new ServerTooOldError(refused);
  for (const finding of missing) onReduced(finding);
}

/** Releases with a fault that loses messages of ours, and where: nats-server#7817. */
const LOSE_SPENT_MESSAGES: readonly string[] = ["2.12.3", "2.12.4"];

/** Whether replicated work queues lose messages on that server whose deliveries are spent, before they are dead letters. */
export function losesSpentMessages(version: string): boolean {
  return LOSE_SPENT_MESSAGES.includes(numbersOf(version)?.join(".") ?? "");
}

function isAtLeast(version: string, since: string): boolean {
  const have = numbersOf(version);
  const want = numbersOf(since);
  if (have === null || want === null) return false;
  const differing = have.findIndex((number, index) => number !== want[index]);
  return differing === -1 || (have[differing] ?? 0) > (want[differing] ?? 0);
}

/** `2.15.1-beta` counts as 2.15.1: a preview has what it previews. */
function numbersOf(version: string): readonly number[] | null {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}
