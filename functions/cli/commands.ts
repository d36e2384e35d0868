import type { RegisterCommand } from "./context.ts";

export interface CommandEntry {
  readonly name: string;
  /** The line in `choria-bridge --help`. */
  readonly summary: string;
  /** Loaded only when the command is called: `--help` must not wait for NATS, X.509 and the rest. */
  readonly load: () => Promise<RegisterCommand>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "simulate",
    summary: "publish signed registrations of a simulated fleet, hostile ones among them",
    load: async () => (await import("./simulate.ts")).registerSimulate,
  },
];
