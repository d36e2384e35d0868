import { bucketsSince, quantile } from "../../../shared/telemetry/buckets.ts";
import type { Snapshot } from "./snapshot.ts";

/** Two snapshots: the view shows the later one and the rate since the earlier. */
export interface Frame {
  readonly now: Snapshot;
  readonly before: Snapshot;
  /** First line: what runs, and how to end it. */
  readonly title: string;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

interface Row {
  readonly label: string;
  readonly detail: string;
  readonly now: number;
  readonly before: number;
  readonly note: string;
}

const LABEL_WIDTH = 12;
const DETAIL_WIDTH = 23;
const NUMBER_WIDTH = 11;

/** The live view as lines that fit `size`; when there are too many, the rarest rejection codes go first. */
export function renderView(frame: Frame, { columns, rows }: Size): string[] {
  const fixed = 5; // title, blank line, head, latency, and the line the cursor rests on
  const codes = rejectionRows(frame);
  const others = [...arrivalRows(frame), ...storageRows(frame), ...jobRows(frame)];
  const shown = codes.slice(0, Math.max(0, rows - fixed - others.length));
  const lines = [
    frame.title,
    "",
    `${"".padEnd(LABEL_WIDTH + DETAIL_WIDTH)}${"per second".padStart(NUMBER_WIDTH)}${"total".padStart(NUMBER_WIDTH)}`,
    ...[...arrivalRows(frame), ...shown, ...storageRows(frame), ...jobRows(frame)].map((row) => line(row, frame)),
    latencyLine(frame),
  ];
  return lines.slice(0, Math.max(1, rows - 1)).map((text) => text.slice(0, columns).trimEnd());
}

/** The same for a log file or a pipe: one line. */
export function renderLine(frame: Frame): string {
  const { now, before } = frame;
  const rate = (read: (snapshot: Snapshot) => number) => Math.round(perSecond(read(now), read(before), frame));
  const rejected = (snapshot: Snapshot) => total(snapshot.rejected);
  const jobs = (read: (job: Snapshot["jobs"][number]) => number) => (snapshot: Snapshot) =>
    sum(snapshot.jobs.map(read));
  const latency = latencyOf(frame);
  const unknownLag = now.jobs.some(({ lag }) => lag === null);
  const parts = [
    ...(now.sent === null ? [] : [`sent ${rate(({ sent }) => sent ?? 0)}/s`]),
    `received ${rate(({ received }) => received)}/s`,
    `validated ${rate(({ validated }) => total(validated))}/s`,
    `rejected ${rate(rejected)}/s`,
    `stored ${rate(({ streams }) => sum(streams.map(({ stored }) => stored)))}/s`,
    `processed ${rate(jobs(({ processed }) => processed))}/s`,
    `republished ${rate(jobs(({ republished }) => republished))}/s`,
    `retried ${jobs(({ retried }) => retried)(now)}`,
    `dead ${jobs(({ dead }) => dead)(now)}`,
    ...(now.disconnects === 0 ? [] : [`disconnects ${now.disconnects}`]),
    `lag ${unknownLag ? "?" : jobs(({ lag }) => lag ?? 0)(now)}`,
    ...(latency === null ? [] : [`p50 ${ms(latency.p50Ms)} p99 ${ms(latency.p99Ms)}`]),
  ];
  const codes = Object.entries(now.rejected)
    .sort()
    .map(([code, count]) => `${code} ${count}`);
  return parts.join("  ") + (codes.length === 0 ? "" : `  (rejected so far: ${codes.join(", ")})`);
}

function arrivalRows({ now, before }: Frame): Row[] {
  const sent = now.sent === null ? [] : [row("sent", "by the fleet", now.sent, before.sent ?? 0)];
  const proofs = Object.entries(now.validated).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...sent,
    row("received", "", now.received, before.received, now.disconnects === 0 ? "" : `${now.disconnects} disconnects`),
    ...proofs.map(([proof, count], place) =>
      row(place === 0 ? "validated" : "", `proof ${proof}`, count, before.validated[proof] ?? 0),
    ),
    ...(now.overload === 0 ? [] : [row("shed", "before validation", now.overload, before.overload)]),
    row("rejected", "", total(now.rejected), total(before.rejected)),
  ];
}

function rejectionRows({ now, before }: Frame): Row[] {
  const byCount = Object.entries(now.rejected).sort(([, a], [, b]) => b - a);
  return byCount.map(([code, count]) => row("", code, count, before.rejected[code] ?? 0));
}

function storageRows({ now, before }: Frame): Row[] {
  return now.streams.map(({ name, stored, duplicate, shed, buffered }) => {
    const notes = [duplicate > 0 && `${duplicate} dup`, shed > 0 && `${shed} shed`, buffered > 0 && `${buffered} held`];
    const earlier = before.streams.find((stream) => stream.name === name)?.stored ?? 0;
    return row("stored", name, stored, earlier, notes.filter((note) => note !== false).join(", "));
  });
}

function jobRows({ now, before }: Frame): Row[] {
  return now.jobs.flatMap((job) => {
    const earlier = before.jobs.find(({ name }) => name === job.name);
    return [
      row("processed", job.name, job.processed, earlier?.processed ?? 0, `lag ${job.lag ?? "?"}`),
      row("republished", "", job.republished, earlier?.republished ?? 0),
      row("retried", "", job.retried, earlier?.retried ?? 0),
      row("dead", "", job.dead, earlier?.dead ?? 0),
    ];
  });
}

function row(label: string, detail: string, now: number, before: number, note = ""): Row {
  return { label, detail, now, before, note };
}

function line({ label, detail, now, before, note }: Row, frame: Frame): string {
  const rate = perSecond(now, before, frame).toFixed(1).padStart(NUMBER_WIDTH);
  const name = label.padEnd(LABEL_WIDTH) + detail.slice(0, DETAIL_WIDTH - 1).padEnd(DETAIL_WIDTH);
  return `${name}${rate}${grouped(now).padStart(NUMBER_WIDTH)}  ${note}`;
}

function latencyLine(frame: Frame): string {
  const latency = latencyOf(frame);
  const text = latency === null ? "nothing stored meanwhile" : `p50 ${ms(latency.p50Ms)}   p99 ${ms(latency.p99Ms)}`;
  return `${"latency".padEnd(LABEL_WIDTH)}arrival to PubAck: ${text}`;
}

/** Of what was stored between the two snapshots: over the whole run the first seconds would hide the last. */
function latencyOf({ now, before }: Frame): { readonly p50Ms: number; readonly p99Ms: number } | null {
  const recent = bucketsSince(now.latency, before.latency);
  const [p50, p99] = [quantile(recent, 0.5), quantile(recent, 0.99)];
  return p50 === null || p99 === null ? null : { p50Ms: p50 * 1_000, p99Ms: p99 * 1_000 };
}

function perSecond(now: number, before: number, frame: Frame): number {
  const elapsedMs = frame.now.atMs - frame.before.atMs;
  return elapsedMs <= 0 ? 0 : ((now - before) * 1_000) / elapsedMs;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);
const total = (counts: Readonly<Record<string, number>>): number => sum(Object.values(counts));
const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** Thousands apart, the same in every locale. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, " ");
