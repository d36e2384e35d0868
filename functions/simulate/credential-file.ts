import { appendFileSync, existsSync, readFileSync } from "node:fs";
import * as z from "zod";

const entrySchema = z.strictObject({ name: z.string(), credential: z.string(), key: z.string() });

/** An issued credential: certificate or token, and what finds its key (v1: place in the pool; v2: the key, PEM). */
export type CredentialEntry = z.output<typeof entrySchema>;

/**
 * Issued credentials, one JSON line each, so that the next run starts at once. Appended as they are issued: a run that
 * is killed loses none but a torn last line.
 */
export class CredentialFile {
  readonly #path: string;
  readonly #entries = new Map<string, CredentialEntry>();

  constructor(path: string) {
    this.#path = path;
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    if (text !== "" && !text.endsWith("\n")) appendFileSync(path, "\n"); // or the next line would be torn too
    for (const line of text.split("\n")) {
      const entry = parseLine(line);
      if (entry !== null) this.#entries.set(entry.name, entry);
    }
  }

  get(name: string): CredentialEntry | undefined {
    return this.#entries.get(name);
  }

  add(entry: CredentialEntry): void {
    this.#entries.set(entry.name, entry);
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
  }
}

function parseLine(line: string): CredentialEntry | null {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch {
    return null; // torn by a kill, or edited: the credential is issued again
  }
}
