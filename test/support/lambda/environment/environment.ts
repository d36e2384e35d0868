import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { spawnBound } from "../../../../shared/nats-server/bound-child.ts";
import type { LambdaFunction } from "../function.ts";
import type { Answer } from "../invocation.ts";
import type { Log, LogLine } from "../log.ts";
import { exited, exitWords, timedOut } from "./failures.ts";
import { type Delivery, RuntimeApi } from "./runtime-api.ts";
import { environmentVariables, type Place } from "./variables.ts";

/** `frozen`: stopped between two invocations. `gone`: its process has ended. */
export type EnvironmentState = "starting" | "busy" | "frozen" | "gone";

/** What all environments of an emulator have in common. */
export interface Surroundings extends Pick<Place, "region" | "path"> {
  /** The Node.js program that runs the functions. */
  readonly node: string;
  readonly log: Log;
}

/** How starting ended. `late`: not within its limit; the process was killed. */
export type Init = { readonly type: "ready" | "late"; readonly ms: number } | FailedInit;
export interface FailedInit {
  readonly type: "failed";
  readonly ms: number;
  readonly answer: Answer;
}

type Happening = { readonly at: number } & (
  | { readonly type: "ready" | "initFailed" | "late" }
  | { readonly type: "exited"; readonly how: string | null }
);
type Kind = { readonly type: "ready" | "initFailed" } | { readonly type: "exited"; readonly how: string | null };

const BOOTSTRAP = fileURLToPath(new URL("bootstrap.mjs", import.meta.url));

/**
 * One execution environment: a process that handles one invocation at a time and is stopped (SIGSTOP) in between, as
 * soon as it has answered and asked for the next.
 */
export class Environment {
  readonly id = randomUUID();
  readonly fn: LambdaFunction;
  readonly #surroundings: Surroundings;
  #state: EnvironmentState = "starting";
  #child: ChildProcess | null = null;
  #api: RuntimeApi | null = null;
  #requestId: string | null = null;
  #answer: Answer | null = null;
  #waiting: ((happening: Happening) => void) | null = null;

  constructor(fn: LambdaFunction, surroundings: Surroundings) {
    this.fn = fn;
    this.#surroundings = surroundings;
  }

  get state(): EnvironmentState {
    return this.#state;
  }

  /** null before the process has started. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Starts the process and waits until it asks for its first invocation; for `requestId`, which failures name. */
  async init(requestId: string, limitMs: number): Promise<Init> {
    const startedAt = performance.now();
    this.#requestId = requestId;
    this.#api = await RuntimeApi.open({
      ready: () => this.#ready(),
      answered: (answer) => {
        this.#answer = answer;
      },
      initFailed: (answer) => {
        this.#answer = answer;
        this.#happen({ type: "initFailed" });
      },
    });
    if (this.#state === "gone")
      this.#api.close(); // killed before it began
    else this.#spawn(this.#api.address);
    const happening = await this.#next(limitMs);
    const ms = happening.at - startedAt;
    if (happening.type === "ready") return { type: "ready", ms };
    await this.kill();
    if (happening.type === "late") return { type: "late", ms };
    const answer = this.#answer ?? exited(requestId, happening.type === "exited" ? happening.how : null);
    return { type: "failed", ms, answer };
  }

  /** Runs one invocation for at most `limitMs`; the process is frozen, or gone, when it resolves. */
  async invoke(
    delivery: Omit<Delivery, "deadlineAt">,
    limitMs: number,
  ): Promise<{ answer: Answer; durationMs: number }> {
    const startedAt = performance.now();
    this.#answer = null;
    this.#requestId = delivery.requestId;
    this.#platform(`START RequestId: ${delivery.requestId} Version: $LATEST`);
    const next = this.#next(limitMs);
    if (this.#state !== "gone") this.#thaw(delivery, limitMs);
    const happening = await next;
    if (happening.type === "late") await this.kill();
    const answer = this.#answerAfter(happening, delivery.requestId);
    return { answer, durationMs: happening.at - startedAt };
  }

  /** Writes the lines with which Lambda ends an invocation's log; from then on it is free for the next. */
  close(report: string): void {
    this.#platform(`END RequestId: ${this.#requestId}`);
    this.#platform(`REPORT RequestId: ${this.#requestId}\t${report}`);
    this.#requestId = null;
    if (this.#state === "busy") this.#state = "frozen";
  }

  /** Ends the process, frozen or not; resolves once it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return this.#gone(null, null);
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  #spawn(runtimeApi: string): void {
    const fn = this.fn;
    const surroundings = this.#surroundings;
    const env = environmentVariables(fn, { ...surroundings, runtimeApi, logStream: `[$LATEST]${this.id}` });
    const child = spawnBound(surroundings.node, [BOOTSTRAP], { env, cwd: fn.taskRoot });
    this.#child = child;
    child.once("exit", (code, signal) => this.#gone(code, signal));
    child.once("error", () => this.#gone(127, null)); // the program is not there
    this.#collect("stdout", child.stdout);
    this.#collect("stderr", child.stderr);
  }

  #thaw(delivery: Omit<Delivery, "deadlineAt">, limitMs: number): void {
    this.#state = "busy";
    this.#child?.kill("SIGCONT");
    this.#api?.deliver({ ...delivery, deadlineAt: Date.now() + limitMs });
  }

  #ready(): void {
    if (this.#state === "busy") this.#child?.kill("SIGSTOP"); // and busy until its answer has been taken: see `close`
    this.#happen({ type: "ready" });
  }

  #gone(code: number | null, signal: string | null): void {
    this.#state = "gone";
    this.#api?.close();
    this.#happen({ type: "exited", how: exitWords(code, signal) });
  }

  #answerAfter(happening: Happening, requestId: string): Answer {
    if (happening.type === "late") return timedOut(requestId, this.fn.timeoutMs);
    return this.#answer ?? exited(requestId, happening.type === "exited" ? happening.how : null);
  }

  /** What the process does next, or `late`. */
  #next(limitMs: number): Promise<Happening> {
    return new Promise((resolve) => {
      if (this.#state === "gone") return resolve({ type: "exited", how: null, at: performance.now() });
      const late = setTimeout(() => this.#waiting?.({ type: "late", at: performance.now() }), limitMs);
      this.#waiting = (happening) => {
        this.#waiting = null;
        clearTimeout(late);
        setImmediate(resolve, happening); // a turn later: what it has printed before is read by then
      };
    });
  }

  #happen(kind: Kind): void {
    this.#waiting?.({ ...kind, at: performance.now() });
  }

  #collect(stream: LogLine["stream"], from: Readable | null): void {
    if (from !== null) createInterface({ input: from }).on("line", (line) => this.#print(stream, line));
  }

  #platform(line: string): void {
    this.#print("platform", line);
  }

  #print(stream: LogLine["stream"], line: string): void {
    const { name } = this.fn;
    this.#surroundings.log.add({ function: name, environment: this.id, requestId: this.#requestId, stream, line });
  }
}
