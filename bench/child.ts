import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { BenchTask } from "./subject.ts";

/** A script beside this one, which runs transpiled as the project ships: `npm run bench` builds it. */
export const script = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** One measurement: what is done in the measured process, with which options of node, and what happens once it is ready. */
export interface Measurement {
  readonly task: BenchTask;
  readonly nodeOptions: readonly string[];
  readonly onReady?: () => void;
}

/** Runs the task in a process of its own; resolves with what it measured. */
export async function runSubject<T>({ task, nodeOptions, onReady = () => {} }: Measurement): Promise<T> {
  const child = fork(script("subject"), [JSON.stringify(task)], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    execArgv: [...nodeOptions],
  });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.once("message", onReady);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${task.what} ended with ${code}`);
  return JSON.parse(output) as T;
}
