import type { TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { frozen } from "../../../shared/nats-server/frozen.ts";
import { type CliProcess, type CliResult, startCli } from "../cli.ts";

/** How one worker is started: with a configuration and an environment of its own. */
export interface WorkerStart {
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
}

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 20;
/** Before one that ended by itself is started again. */
const RESTART_MS = 500;
const MOST_SAID = 2_000;
const SHORTEST_LIFE_MS = 200;
const UP = /the worker is consuming/;

/** Workers of the built CLI, each a process of its own, that faults are done to. */
export class Workers {
  readonly #workers: WorkerProcess[] = [];
  #next = 0;
  kills = 0;

  /** Resolves once all of them are consuming; they end with the test. The first makes what they share. */
  static async start(t: Pick<TestContext, "after">, starts: readonly WorkerStart[]): Promise<Workers> {
    const workers = new Workers();
    t.after(() => workers.stop());
    for (const some of [starts.slice(0, 1), starts.slice(1)]) {
      workers.#workers.push(...some.map((start) => new WorkerProcess(start)));
      await workers.#up();
    }
    return workers;
  }

  /** Workers that ended without being told to, with what they said. */
  get exits(): readonly string[] {
    return this.#workers.flatMap(({ exits }) => exits);
  }

  pid(index: number): number {
    return this.#of(index).pid;
  }

  async #up(): Promise<void> {
    for (const deadline = performance.now() + START_TIMEOUT_MS; ; await wait(POLL_MS)) {
      const missing = this.#workers.filter(({ isUp }) => !isUp);
      if (missing.length === 0) return;
      if (this.exits.length > 0) throw new Error(`a worker ended: ${this.exits[0]}`);
      if (performance.now() > deadline) throw new Error(`workers not consuming: ${missing.map(({ said }) => said)}`);
    }
  }

  /** SIGKILL for the next worker in turn that has work in hand: one that is still starting holds nothing. Starts it again. */
  async killNext(): Promise<void> {
    for (const deadline = performance.now() + START_TIMEOUT_MS; performance.now() < deadline; await wait(POLL_MS)) {
      this.#next = (this.#next + 1) % this.#workers.length;
      const worker = this.#of(this.#next);
      if (worker.upForMs < SHORTEST_LIFE_MS) continue;
      await worker.kill();
      this.kills += 1;
      return;
    }
    throw new Error(`no worker was consuming within ${START_TIMEOUT_MS} ms`);
  }

  /** Resolves once every thread of it stands still. */
  async freeze(index: number): Promise<void> {
    this.signal(index, "SIGSTOP");
    await frozen(this.pid(index));
  }

  signal(index: number, signal: NodeJS.Signals): void {
    process.kill(this.pid(index), signal);
  }

  /** Lets all of them end, and ends with SIGKILL who does not. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }

  #of(index: number): WorkerProcess {
    const worker = this.#workers[index];
    if (worker === undefined) throw new RangeError(`there is no worker ${index}`);
    return worker;
  }
}

/** One worker, started again whenever it ends, as a supervisor would. */
class WorkerProcess {
  readonly exits: string[] = [];
  readonly #start: WorkerStart;
  #current: CliProcess;
  #stopping = false;
  #killed = false;
  #upSince: number | null = null;

  constructor(start: WorkerStart) {
    this.#start = start;
    this.#current = this.#launch();
  }

  get pid(): number {
    return this.#current.child.pid ?? 0;
  }

  get isUp(): boolean {
    return UP.test(this.#current.output.stderr);
  }

  /** Since it was first seen consuming. */
  get upForMs(): number {
    if (!this.isUp) return 0;
    this.#upSince ??= performance.now();
    return performance.now() - this.#upSince;
  }

  get said(): string {
    return this.#current.output.stderr;
  }

  async kill(): Promise<void> {
    this.#killed = true;
    const { child, ended } = this.#current;
    child.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const { child, ended } = this.#current;
    child.kill("SIGCONT");
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(late);
  }

  #launch(): CliProcess {
    this.#upSince = null;
    const started = startCli(["worker", "--config", this.#start.config], this.#start.env);
    void started.ended.then((end) => this.#again(end));
    return started;
  }

  async #again({ code, stderr }: CliResult): Promise<void> {
    if (this.#stopping) return;
    if (!this.#killed) {
      this.exits.push(`exit code ${code}: ${stderr.slice(-MOST_SAID)}`);
      await wait(RESTART_MS);
    }
    if (this.#stopping) return;
    this.#killed = false;
    this.#current = this.#launch();
  }
}
