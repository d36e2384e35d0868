import type { RegisterCommand } from "./context.ts";

export interface CommandEntry {
  readonly name: string;
  /** The line in `choria-bridge --help`. */
  readonly summary: string;
  /** Loaded only when the command is called: `--help` must not wait for NATS, X.509 and the rest. */
  readonly load: () => Promise<RegisterCommand>;
}

/** In the order of the help: what a newcomer needs first. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "start",
    summary: "run everything with a live view: on a demo fleet, or on a configuration",
    load: async () => (await import("./start/start.ts")).registerStart,
  },
  {
    name: "bridge",
    summary: "validate Choria messages and store the proven ones in JetStream",
    load: async () => (await import("./bridge.ts")).registerBridge,
  },
  {
    name: "worker",
    summary: "process the messages of the jobs until told to stop",
    load: async () => (await import("./worker.ts")).registerWorker,
  },
  {
    name: "drain",
    summary: "process what is there, then end: one run of a scheduled function",
    load: async () => (await import("./worker.ts")).registerDrain,
  },
  {
    name: "dispatch",
    summary: "invoke the jobs' AWS Lambda functions while messages wait",
    load: async () => (await import("./dispatch.ts")).registerDispatch,
  },
  {
    name: "jobs",
    summary: "show, pause and resume jobs, and look into their queues",
    load: async () => (await import("./jobs/jobs.ts")).registerJobs,
  },
  {
    name: "doctor",
    summary: "check connections, clocks, credentials, streams and queues, and say what to do",
    load: async () => (await import("./doctor/doctor.ts")).registerDoctor,
  },
  {
    name: "inspect",
    summary: "show why a message is accepted or refused, layer by layer",
    load: async () => (await import("./inspect.ts")).registerInspect,
  },
  {
    name: "quarantine",
    summary: "list, show and replay refused messages",
    load: async () => (await import("./quarantine.ts")).registerQuarantine,
  },
  {
    name: "dead",
    summary: "list, show, replay, drop and export messages that jobs gave up on",
    load: async () => (await import("./dead.ts")).registerDead,
  },
  {
    name: "sweep",
    summary: "find messages whose deliveries are spent, once",
    load: async () => (await import("./sweep.ts")).registerSweep,
  },
  {
    name: "simulate",
    summary: "publish signed registrations of a simulated fleet, hostile ones among them",
    load: async () => (await import("./simulate.ts")).registerSimulate,
  },
  {
    name: "streams",
    summary: "compare or make the streams and consumers of a configuration",
    load: async () => (await import("./streams.ts")).registerStreams,
  },
  {
    name: "import-choria",
    summary: "turn the adapters of a go-choria broker.conf into a configuration",
    load: async () => (await import("./import-choria/import-choria.ts")).registerImportChoria,
  },
  {
    name: "config",
    summary: "check, show and explain configuration files",
    load: async () => (await import("./config.ts")).registerConfig,
  },
];
