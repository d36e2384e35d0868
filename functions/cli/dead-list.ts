import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { readMessage } from "../../shared/jetstream/browse.ts";
import { type DeadLetter, readDeadLetter } from "../../shared/jetstream/dead-letters.ts";
import { type Chosen, type Selection, select } from "./dead-selection.ts";
import type { DeadLetterStore } from "./dead-store.ts";
import { EXIT } from "./exit.ts";
import { Lines, preview, printable } from "./terminal.ts";

/** `dead ls`. */
export async function list(store: DeadLetterStore, given: Selection & { readonly json: boolean }): Promise<void> {
  const lines = new Lines(process.stdout);
  const { json, limit = Number.POSITIVE_INFINITY } = given;
  let listed = 0;
  for await (const letter of select(store, { ...given, sequences: [], limit: limit + 1 }, reportMissing)) {
    if (listed === limit) {
      console.error(`the first ${limit}; there are more (--limit)`);
      return;
    }
    await lines.write(json ? JSON.stringify(facts(letter)) : lineOf(letter));
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
  const told = Object.entries(facts(letter)).map(([name, value]) => `${name.padEnd(15)} ${printable(shown(value))}`);
  const headers = letter.headers.map(([name, value]) => printable(`${name}: ${value}`));
  console.log([...told, "", ...headers, "", preview(letter.body)].join("\n"));
}

function shown(fact: string | number | Date | null): string {
  if (fact === null) return "-";
  return fact instanceof Date ? fact.toISOString() : String(fact);
}

/** `dead export`. */
export async function exportAll(store: DeadLetterStore, given: Chosen & { readonly output?: string }): Promise<void> {
  const { output } = given;
  const out: Writable = output === undefined ? process.stdout : await newFile(output);
  const lines = new Lines(out);
  let written = 0;
  for await (const letter of select(store, given, reportMissing)) {
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

/** All of it but headers and body, as `--json` prints it. */
export function facts({ headers: _headers, body, ...letter }: DeadLetter) {
  return { ...letter, bytes: body.length };
}

function exported(letter: DeadLetter) {
  return { ...facts(letter), headers: letter.headers, body: Buffer.from(letter.body).toString("base64") };
}

export function lineOf(letter: DeadLetter): string {
  const { sequence, diedAt, job, reason, attempts, stream, streamSequence, sender, body, error } = letter;
  const place = `${stream}:${streamSequence}`;
  const parts = [
    String(sequence),
    diedAt.toISOString(),
    job,
    reason,
    attempts === 1 ? "1 attempt" : `${attempts} attempts`,
    place,
    sender,
    `${body.length} B`,
    error,
  ];
  return printable(parts.filter((part) => part !== "").join("  "));
}
