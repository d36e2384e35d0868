import type { Command } from "commander";

/** What commands take from the process; only main.ts reads it there. */
export interface CliContext {
  /** For `${NAME}` in configuration files, and NATS_SERVER. */
  readonly env: NodeJS.ProcessEnv;
  /** Who called, as `user@host`, for audit records. */
  readonly caller?: string;
}

/** Adds one command (with its subcommands) to the program. */
export type RegisterCommand = (program: Command, context: CliContext) => void;
