// The package's public entry point "choria-bridge/testing": what a test of handlers needs comes from one import.

export {
  type DeadLetter,
  type Harness,
  type HarnessEvent,
  type HarnessOptions,
  type PutReceipt,
  startHarness,
} from "./harness.ts";
export type { TestOutput } from "./memory-sink.ts";
export { type RunOptions, type RunResult, runOne } from "./run-one.ts";
