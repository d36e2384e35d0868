import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { readMessage } from "../../shared/jetstream/browse.ts";
import { type DeadLetter, readDeadLetter } from "../../shared/jetstream/dead-letters.ts";
import { factsOf, type LetterFacts } from "../replay/facts.ts";
import type { Selection } from "../replay/selection.ts";
import type { DeadLetterStore } from "../replay/store.ts";
import { walk } from "../replay/walk.ts";
import { EXIT } from "./exit.ts";
import { Lines, preview, printable } from "./terminal.ts";

/** Nothing stops a walk that only reads: a signal ends the process. */
const READER = { stop: new AbortController().signal, missing: reportMissing, stopped: () => {} };

/** `dead ls`. */
export async function list(store: DeadLetterStore, selection: Selection, json: boolean): Promise<void> {
  const lines = new Lines(process.stdout);
  const { limit = Number.POSITIVE_INFINITY } = selection;
  let listed = 0;
  for await (const letter of walk(store, { ...selection, limit: limit + 1 }, READER)) {
    if (listed === limit) {
      console.error(`the first ${limit}; there are more (--limit)`);
      return;
    }
    const facts = factsOf(letter);
    await lines.write(json ? JSON.stringify(facts) : lineOf(facts));
    listed += 1;
  }
}

/** `dead show`. */
export async function show(store: DeadLetterStore, sequence: number, json: boolean): Promise<void> {
  const message = await readMessage(store.connection, store.stream, sequence);
  if (message === null) throw new Error(`there is no dead letter ${sequence}`);
  const letter = readDeadLetter(message);
  if (json) {
    console.log(JSON.stringify(exported(letter)));
    return;
  }
  const told = Object.entries(factsOf(letter)).map(([name, value]) => `${name.padEnd(15)} ${printable(shown(value))}`);
  const headers = letter.headers.map(([name, value]) => printable(`${name}: ${value}`));
  console.log([...told, "", ...headers, "", preview(letter.body)].join("\n"));
}

function shown(fact: string | number | Date | null): string {
  if (fact === null) return "-";
  return fact instanceof Date ? fact.toISOString() : String(fact);
}

/** `dead export`. */
export async function exportAll(store: DeadLetterStore, selection: Selection, output?: string): Promise<void> {
  const out: Writable = output === undefined ? process.stdout : await newFile(output);
  const lines = new Lines(out);
  let written = 0;
  for await (const letter of walk(store, selection, READER)) {
    await lines.write(JSON.stringify(exported(letter)));
    written += 1;
  }
  if (output === undefined) return;
  out.end();
  await once(out, "finish");
  console.error(`${written} dead letters written to ${output}`);
}

/** A file that is there already is somebody's copy: it is not overwritten. */
async function newFile(path: string): Promise<Writable> {
  const file = createWriteStream(path, { flags: "wx" });
  try {
    await once(file, "open");
  } catch (cause) {
    throw new Error(`cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  return file;
}

/** Who is named and not there fails the command, but not what it does about the others. */
export function reportMissing(what: string): void {
  console.error(`choria-bridge: ${what}`);
  process.exitCode = EXIT.failed;
}

function exported(letter: DeadLetter) {
  return { ...factsOf(letter), headers: letter.headers, body: Buffer.from(letter.body).toString("base64") };
}

export function lineOf(letter: LetterFacts): string {
  const { sequence, diedAt, job, reason, attempts, stream, streamSequence, sender, bytes, error } = letter;
  const parts = [
    String(sequence),
    diedAt.toISOString(),
    job,
    reason,
    attempts === 1 ? "1 attempt" : `${attempts} attempts`,
    `${stream}:${streamSequence}`,
    sender,
    `${bytes} B`,
    error,
  ];
  return printable(parts.filter((part) => part !== "").join("  "));
}
