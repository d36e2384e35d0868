import { type Command, Option } from "commander";
import type { ServerPause } from "../../../shared/jetstream/pause.ts";
import { positiveCount, timeSpan } from "../arguments.ts";
import { withConnections } from "../command-connections.ts";
import { type OpenConfig, openConfigFile } from "../config-file.ts";
import type { RegisterCommand } from "../context.ts";
import { firstSignal } from "../signals.ts";
import { type PauseTools, pause, resume } from "./pause.ts";
import { peek, peekFacts, peekText } from "./peek.ts";
import { auditWriter } from "./record.ts";
import { chooseJob, chooseJobs } from "./selection.ts";
import { type JobStatus, StatusReader } from "./status.ts";
import { statusFacts, statusText, summaryFacts, summaryTable } from "./status-text.ts";

interface Asked {
  readonly config: string;
  readonly json: boolean;
}

interface StatusAsked extends Asked {
  readonly sample: number;
  readonly watch: boolean;
}

interface PauseAsked {
  readonly config: string;
  readonly by?: string;
  readonly for?: number;
}

interface PeekAsked extends Asked {
  readonly limit: number;
}

const CONFIG = ["-c, --config <file>", "configuration file (YAML)"] as const;
const JSON_LINES = ["--json", "one JSON object a line", false] as const;
const BY = ["--by <name>", "who does it, for the audit stream (default: user@host)"] as const;
/** Erases a terminal and what scrolled out of it. */
const CLEAR = "\x1b[2J\x1b[3J\x1b[H";

/** `jobs ls`, `status`, `pause`, `resume` and `peek`. */
export const registerJobs: RegisterCommand = (program, { env, caller = "unknown" }) => {
  const open = (path: string): OpenConfig => openConfigFile(path, env);
  const jobs = program.command("jobs").description("Shows jobs and their queues, pauses and resumes them.");
  registerLs(jobs, open);
  registerStatus(jobs, open);
  registerPause(jobs, open, caller);
  registerResume(jobs, open, caller);
  registerPeek(jobs, open);
};

type Open = (path: string) => OpenConfig;

function registerLs(jobs: Command, open: Open): void {
  jobs
    .command("ls")
    .description("Lists the jobs: where they read, what they do, whether they are paused, who works on them.")
    .requiredOption(...CONFIG)
    .option(...JSON_LINES)
    .action(({ config: path, json }: Asked) => {
      const opened = open(path);
      const chosen = chooseJobs(opened.config, []);
      return withConnections(opened, "jobs", async (connections) => {
        const summaries = await new StatusReader(opened.config, connections, Date.now).summaries(chosen);
        if (!json) console.log(summaryTable(summaries));
        else for (const summary of summaries) console.log(JSON.stringify(summaryFacts(summary)));
      });
    });
}

function registerStatus(jobs: Command, open: Open): void {
  jobs
    .command("status [jobs...]")
    .description("Says how much each job has to do, how fast it goes, and what stands in its way.")
    .requiredOption(...CONFIG)
    .addOption(
      new Option("--sample <span>", "time between the two looks that give the rate")
        .argParser(timeSpan)
        .default(1_000, "1s"),
    )
    .option("--watch", "look again and again, until Ctrl-C", false)
    .option(...JSON_LINES)
    .action((names: string[], asked: StatusAsked) => {
      const opened = open(asked.config);
      const chosen = chooseJobs(opened.config, names);
      return withConnections(opened, "jobs", async (connections) => {
        const reader = new StatusReader(opened.config, connections, Date.now);
        await showStatus(() => reader.statuses(chosen, asked.sample), asked);
      });
    });
}

async function showStatus(read: () => Promise<readonly JobStatus[]>, asked: StatusAsked): Promise<void> {
  if (!asked.watch) {
    printStatus(await read(), asked);
    return;
  }
  let stopped = false;
  const told = firstSignal().then(() => {
    stopped = true;
  });
  while (!stopped) {
    const reading = read();
    reading.catch(() => {}); // one that ends after the signal is nobody's any more
    await Promise.race([told, reading]);
    if (!stopped) printStatus(await reading, asked);
  }
}

function printStatus(statuses: readonly JobStatus[], { json, watch, sample }: StatusAsked): void {
  if (json) {
    for (const status of statuses) console.log(JSON.stringify(statusFacts(status)));
    return;
  }
  if (watch && process.stdout.isTTY) process.stdout.write(CLEAR);
  console.log(statuses.map((status) => statusText(status, sample)).join("\n\n"));
}

function registerPause(jobs: Command, open: Open, caller: string): void {
  jobs
    .command("pause <job>")
    .description(
      "Stops a job everywhere until it is resumed, across restarts of workers and servers; what runs may end.",
    )
    .requiredOption(...CONFIG)
    .option("--for <span>", "resume by itself after this time", timeSpan)
    .option(...BY)
    .action((name: string, { config: path, by = caller, for: forMs }: PauseAsked) =>
      withPauseTools(open(path), async (tools) => {
        const at = new Date();
        const until = forMs === undefined ? null : new Date(at.getTime() + forMs);
        const server = await pause(tools, { job: chooseJob(tools.config, name), by, at, until });
        console.log(`${name} is paused${PAUSED_REACH[server]}`);
      }),
    );
}

function registerResume(jobs: Command, open: Open, caller: string): void {
  jobs
    .command("resume <job>")
    .description("Ends a pause.")
    .requiredOption(...CONFIG)
    .option(...BY)
    .action((name: string, { config: path, by = caller }: PauseAsked) =>
      withPauseTools(open(path), async (tools) => {
        await resume(tools, { job: chooseJob(tools.config, name), by, at: new Date() });
        console.log(`${name} is resumed`);
      }),
    );
}

const PAUSED_REACH: Readonly<Record<ServerPause, string>> = {
  paused: ", on the server too: nobody is given its messages",
  flag_only: " for our workers; other clients of its consumer, if there are any, go on",
  no_consumer: "; it has no consumer yet",
};

function withPauseTools(opened: OpenConfig, use: (tools: PauseTools) => Promise<void>): Promise<void> {
  const { config } = opened;
  return withConnections(opened, "jobs", (connections) =>
    use({ config, connections, append: auditWriter(opened, connections) }),
  );
}

function registerPeek(jobs: Command, open: Open): void {
  jobs
    .command("peek <job>")
    .description("Shows the next messages of a job where they lie: none is delivered, nothing moves.")
    .requiredOption(...CONFIG)
    .option("--limit <n>", "at most this many", positiveCount, 10)
    .option("--json", "one JSON object a line, with the whole body in base64", false)
    .action((name: string, { config: path, limit, json }: PeekAsked) => {
      const opened = open(path);
      const job = chooseJob(opened.config, name);
      return withConnections(opened, "jobs", async (connections) => {
        for await (const peeked of peek({ config: opened.config, connections }, job, limit)) {
          console.log(json ? JSON.stringify(peekFacts(peeked)) : peekText(peeked));
        }
      });
    });
}
