import { closeSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import type * as z from "zod";

/** Signatures under way in libuv's pool. */
const SIGNING = 64;

/** Writes a line of JSON, and then what `make` gives for each number below `count`, in order. */
export async function writeLoadFile(
  file: string,
  header: object,
  count: number,
  make: (number: number) => Promise<Buffer>,
): Promise<void> {
  const draft = `${file}.${process.pid}`; // renamed when whole: a run that was ended half-way leaves no short load
  const descriptor = openSync(draft, "w", 0o600);
  writeSync(descriptor, `${JSON.stringify(header)}\n`);
  for (let from = 0; from < count; from += SIGNING) {
    const numbers = Array.from({ length: Math.min(SIGNING, count - from) }, (_, place) => from + place);
    writeSync(descriptor, Buffer.concat(await Promise.all(numbers.map(make))));
  }
  closeSync(descriptor);
  renameSync(draft, file);
}

/** The line of JSON at the beginning of such a file, and where what follows it begins. Throws when it is another's. */
export function readLoadFile<T>(file: string, schema: z.ZodType<T>): { header: T; bytes: Buffer; start: number } {
  const bytes = readFileSync(file);
  const end = bytes.indexOf("\n");
  return { header: schema.parse(JSON.parse(bytes.toString("utf8", 0, end))), bytes, start: end + 1 };
}
