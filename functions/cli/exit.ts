/** Exit codes of every command; `--help` lists them. A command ends with 0 unless it throws or sets `process.exitCode`. */
export const EXIT = { ok: 0, failed: 1, usage: 2, rejected: 3 } as const;

export const EXIT_HELP = `
Exit codes:
  0  ok
  1  failed
  2  usage or configuration error
  3  a message was rejected`;

/** A command was called in a way that cannot work, and the parser could not tell: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "USAGE";
}
