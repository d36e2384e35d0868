import type { ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { connect, type NatsConnection } from "nats";
import { collectOutput, spawnBound } from "../../shared/nats-server/bound-child.ts";
import type { LambdaEmulator } from "../../test/support/lambda/emulator.ts";
import type { InvocationRecord } from "../../test/support/lambda/invocation.ts";
import { script } from "../child.ts";
import { runOfNow } from "../jobs/moment.ts";
import { makeReport } from "../jobs/payload.ts";
import { jobMessage, makeQueue, removeQueue } from "../jobs/queue.ts";
import { callerEnvironment } from "./calls.ts";
import { type Bench, type Deployed, deploy, FUNCTION } from "./deploy.ts";
import { WAITED } from "./handlers.ts";

/** From before the publish of a message into an idle queue to the start of its handler in a function, milliseconds. */
export interface WakeTimes {
  readonly warmMs: readonly number[];
  readonly coldMs: readonly number[];
}

const WARM_UP = 20;
/** What is not there by then never comes. */
const LONGEST_MS = 60_000;
/**
 * Between the end of an invocation and the next message: longer than the dispatcher's `minInterval`, or the queue would not
 * be idle, and then any moment between two of its looks.
 */
const IDLE_MS = { least: 250, more: 900 };

/** The dispatcher in a process of its own wakes the function; `cold`: the environment was taken away before the message. */
export async function measureWake(
  bench: Bench,
  counts: { readonly warm: number; readonly cold: number },
): Promise<WakeTimes> {
  const queue = { url: bench.url, stream: "BENCH_WAKE", concurrency: 64 };
  await makeQueue(queue);
  const deployed = await deploy(bench, queue, "waited");
  const dispatcher = startDispatcher(deployed);
  const connection = await connect({ servers: queue.url, name: "bench publisher" });
  try {
    const samples = new Samples(connection, deployed.lambda, queue.stream);
    await samples.warmUp();
    const warmMs = await samples.take("warm", counts.warm);
    const coldMs = await samples.take("cold", counts.cold);
    return { warmMs, coldMs };
  } catch (error) {
    throw new Error(`the dispatcher said: ${dispatcher.output()}`, { cause: error });
  } finally {
    dispatcher.child.kill("SIGKILL");
    await connection.close();
    await deployed.lambda.close();
    await removeQueue(queue);
  }
}

function startDispatcher({ lambda, configFile }: Deployed): { child: ChildProcess; output: () => string } {
  const cli = script("../functions/cli/main");
  const child = spawnBound(process.execPath, [cli, "dispatch", "--config", configFile], {
    env: callerEnvironment(lambda.endpoint),
  });
  return { child, output: collectOutput(child) };
}

class Samples {
  readonly #connection: NatsConnection;
  readonly #lambda: LambdaEmulator;
  readonly #stream: string;
  #sent = 0;

  constructor(connection: NatsConnection, lambda: LambdaEmulator, stream: string) {
    this.#connection = connection;
    this.#lambda = lambda;
    this.#stream = stream;
  }

  async warmUp(): Promise<void> {
    await this.#one();
    await this.take("warm", WARM_UP);
  }

  /** One message after the other, each once the one before has been forgotten. */
  async take(start: "warm" | "cold", count: number): Promise<readonly number[]> {
    const waits: number[] = [];
    while (waits.length < count) {
      await pause(IDLE_MS.least + Math.random() * IDLE_MS.more);
      if (start === "cold") await this.#lambda.retire(FUNCTION);
      const { waitedMs, cold } = await this.#one();
      if (cold !== (start === "cold")) throw new Error(`the environment was not ${start}`);
      waits.push(waitedMs);
    }
    return waits;
  }

  async #one(): Promise<{ waitedMs: number; cold: boolean }> {
    const [waitedMs, { cold }] = await Promise.all([this.#waited(), this.#ended(), this.#publish()]);
    return { waitedMs, cold };
  }

  async #publish(): Promise<void> {
    this.#sent += 1;
    const { subject, headers } = jobMessage(this.#stream, this.#sent);
    const report = { ...makeReport(this.#sent), run: runOfNow() };
    await this.#connection.jetstream().publish(subject, JSON.stringify(report), { headers });
  }

  /** What the handler prints. */
  #waited(): Promise<number> {
    return inTime("the handler was not run", (resolve) =>
      this.#lambda.onLog(({ line }) => {
        if (line.startsWith(WAITED)) resolve(Number(line.slice(WAITED.length)));
      }),
    );
  }

  #ended(): Promise<InvocationRecord> {
    return inTime("the invocation did not end", (resolve) => this.#lambda.onInvocation(resolve));
  }
}

function inTime<T>(problem: string, listen: (resolve: (value: T) => void) => () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${problem} within ${LONGEST_MS} ms`)), LONGEST_MS);
    const unlisten = listen((value) => {
      clearTimeout(late);
      unlisten();
      resolve(value);
    });
  });
}
