import { spawn } from "node:child_process";
import { once } from "node:events";
import { script } from "../child.ts";
import { SUBJECT } from "../load.ts";

/** How a process of its own publishes a load. */
export interface FeedTask {
  readonly url: string;
  readonly subject: string;
  /** A load file of bench/load.ts, or a fleet's of bench/production/fleet-load.ts. */
  readonly source: { readonly type: "load" | "fleet"; readonly file: string };
  /** How many are published; from the beginning again where the source has fewer. */
  readonly count: number;
  readonly pace: Pace;
}

export type Pace =
  | { readonly type: "rate"; readonly perSecond: number }
  /** As fast as the publisher and its server can. */
  | { readonly type: "flood" }
  /** Never more than a window ahead of what the stream holds, so that nothing has to be shed. */
  | { readonly type: "stored"; readonly stream: string; readonly window: number };

export interface FeedReport {
  readonly sent: number;
  readonly seconds: number;
  /** Unix milliseconds just before each publish; empty for a flood. */
  readonly sentAtMs: readonly number[];
}

/** Publishes on the subject of registrations; resolves when the server has all of it. */
export async function feed(task: Omit<FeedTask, "subject">): Promise<FeedReport> {
  const child = spawn(process.execPath, [script("production/feeder"), JSON.stringify({ ...task, subject: SUBJECT })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`the feeder ended with ${code}`);
  return JSON.parse(output) as FeedReport;
}
