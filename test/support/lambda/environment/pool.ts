import type { LambdaFunction } from "../function.ts";
import { type Answer, billedMs, type Invocation, type Run } from "../invocation.ts";
import { Environment, type EnvironmentState, type Init, type Surroundings } from "./environment.ts";
import { timedOut } from "./failures.ts";

/** An environment as a test sees it. */
export interface EnvironmentView {
  readonly id: string;
  readonly pid: number | null;
  readonly state: EnvironmentState;
}

/** The environments of all functions: reused while they live, made when none is free. */
export class EnvironmentPool {
  readonly #surroundings: Surroundings;
  readonly #initLimitMs: number;
  readonly #environments = new Set<Environment>();
  #closed = false;

  constructor(surroundings: Surroundings, initLimitMs: number) {
    this.#surroundings = surroundings;
    this.#initLimitMs = initLimitMs;
  }

  /** Runs an invocation in a frozen environment or in a new one; never rejects for what a function does. */
  async run(fn: LambdaFunction, invocation: Invocation): Promise<Run> {
    const warm = this.#frozen(fn.name);
    if (warm !== null) return invokeIn(warm, invocation, null, fn.timeoutMs);
    const first = this.#make(fn);
    const init = await first.init(invocation.requestId, this.#initLimitMs);
    if (init.type !== "late") return afterInit(first, invocation, init, fn.timeoutMs);
    return this.#runAfterLateInit(fn, invocation, init.ms);
  }

  list(name: string): readonly EnvironmentView[] {
    const own = [...this.#environments].filter(({ fn, state }) => fn.name === name && state !== "gone");
    return own.map(({ id, pid, state }) => ({ id, pid, state }));
  }

  /** Ends the environments that are not at work. */
  async retire(name: string): Promise<void> {
    const idle = [...this.#environments].filter(({ fn, state }) => fn.name === name && state === "frozen");
    await Promise.all(idle.map((environment) => environment.kill()));
  }

  /** Ends all of them, also those that an invocation under way would still start. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#environments].map((environment) => environment.kill()));
  }

  /** "Lambda retries the Init phase at the time of the first invocation with the configured function timeout." */
  async #runAfterLateInit(fn: LambdaFunction, invocation: Invocation, initMs: number): Promise<Run> {
    const second = this.#make(fn);
    const again = await second.init(invocation.requestId, fn.timeoutMs);
    const run = await afterInit(second, invocation, again, fn.timeoutMs - again.ms);
    return { ...run, initMs, durationMs: run.durationMs + again.ms };
  }

  /** The one that ran last, and is free: the others get a chance to be idle. */
  #frozen(name: string): Environment | null {
    const frozen = [...this.#environments].filter(({ fn, state }) => fn.name === name && state === "frozen");
    const latest = frozen.at(-1);
    if (latest === undefined) return null;
    this.#environments.delete(latest);
    this.#environments.add(latest);
    return latest;
  }

  #make(fn: LambdaFunction): Environment {
    for (const environment of this.#environments) {
      if (environment.state === "gone") this.#environments.delete(environment);
    }
    const environment = new Environment(fn, this.#surroundings);
    this.#environments.add(environment);
    if (this.#closed) void environment.kill(); // has no process yet, and gets none
    return environment;
  }
}

async function afterInit(environment: Environment, invocation: Invocation, init: Init, limitMs: number): Promise<Run> {
  if (init.type === "ready") return invokeIn(environment, invocation, init.ms, limitMs);
  const answer = init.type === "failed" ? init.answer : timedOut(invocation.requestId, environment.fn.timeoutMs);
  return ended(environment, answer, init.ms, 0);
}

async function invokeIn(
  environment: Environment,
  { requestId, arn, payload }: Invocation,
  initMs: number | null,
  limitMs: number,
): Promise<Run> {
  const { answer, durationMs } = await environment.invoke({ requestId, arn, payload }, limitMs);
  return ended(environment, answer, initMs, durationMs);
}

function ended(environment: Environment, answer: Answer, initMs: number | null, durationMs: number): Run {
  const init = initMs === null ? "" : `\tInit Duration: ${initMs.toFixed(2)} ms`;
  const billed = billedMs({ initMs, durationMs });
  const memory = `Memory Size: ${environment.fn.memoryMb} MB`;
  environment.close(`Duration: ${durationMs.toFixed(2)} ms\tBilled Duration: ${billed} ms\t${memory}${init}`);
  return { answer, environment: environment.id, initMs, durationMs };
}
