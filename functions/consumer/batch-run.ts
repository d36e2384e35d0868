import assert from "node:assert/strict";
import type { BatchJobHandler } from "../../shared/jobs/batch.ts";
import type { BatchContext, MessageContext } from "../../shared/jobs/context.ts";
import type { Checked } from "../../shared/jobs/document.ts";
import { BadOutcomeError, OmittedError, RunTimeoutError, WorkerStoppingError } from "../../shared/jobs/errors.ts";
import type { JobMessage } from "../../shared/jobs/message.ts";
import { decide, decideFailure } from "../../shared/jobs/outcome.ts";
import { nameOf, outcomeOf } from "../../shared/jobs/read-outcome.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { sortResults } from "./batch-results.ts";
import { Ending } from "./ending.ts";
import { DeliveredMessage, type StoredInput } from "./message.ts";
import { MessageOutputs } from "./message-outputs.ts";
import { invalidInput, type RunEnd, type RunSettings, readInput, standing } from "./run.ts";
import type { RunAttempt } from "./run-attempt.ts";
import { RunLife } from "./run-life.ts";
import type { Running } from "./running-set.ts";

/** A message of a batch as it was delivered. */
export interface BatchInput {
  readonly input: StoredInput;
  readonly attempt: RunAttempt;
}

/** What becomes of one message of the batch. */
interface Part extends BatchInput {
  readonly ending: Ending;
  /** Null until the run of the batch, or what went before it, has decided. */
  end: RunEnd | null;
}

/** A part whose body fits. */
interface Member {
  readonly part: Part;
  readonly message: JobMessage<unknown>;
  readonly outputs: MessageOutputs;
}

/** One run of a batch handler on several deliveries, each with an end of its own. */
export class BatchRun implements Running {
  slot = -1;
  readonly #settings: RunSettings;
  readonly #parts: readonly Part[];
  #life: RunLife | null = null;
  #resolve: ((ends: readonly RunEnd[]) => void) | null = null;

  constructor(settings: RunSettings, inputs: readonly BatchInput[]) {
    this.#settings = settings;
    this.#parts = inputs.map(({ input, attempt }) => ({ input, attempt, ending: new Ending(), end: null }));
  }

  /** As `Run.start`; resolves with the end of each message, in the order in which they were given. */
  start(startedAt: number, budgetMs: number): Promise<readonly RunEnd[]> {
    const { job, now, wallNow } = this.#settings;
    const { handler } = job;
    assert(handler.kind === "batch", "a handler of single messages is run by Run");
    const life = new RunLife({ startedAt, budgetMs, maxRunMs: handler.maxRunMs, now, wallNow });
    this.#life = life;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      void this.#execute(handler, life);
    });
  }

  stop(): void {
    this.#finish(new WorkerStoppingError(), () => "returned");
  }

  /** That message ends as `lost` and its signal is aborted; the others go on. */
  lose(error: Error, delivery: StoredInput): void {
    const part = this.#parts.find((candidate) => candidate.input === delivery);
    if (part === undefined || part.end !== null) return;
    part.end = "lost";
    part.ending.end(error);
    if (this.#parts.every(({ end }) => end !== null)) this.#finish(error, () => "lost");
  }

  expire(now: number): void {
    if (this.#life?.isOver(now) !== true) return;
    const error = new RunTimeoutError(this.#life.allowedMs);
    this.#finish(error, (part) => this.#failed(part, error));
  }

  /** Ends what has no end yet. Only the first call counts. */
  #finish(reason: Error, endOf: (part: Part) => RunEnd): void {
    this.#life?.ending.end(reason);
    for (const part of this.#parts) part.ending.end(reason);
    this.#close(endOf);
  }

  #close(endOf: (part: Part) => RunEnd): void {
    const resolve = this.#resolve;
    if (resolve === null) return;
    this.#resolve = null;
    for (const part of this.#parts) part.end ??= endOf(part);
    resolve(this.#parts.map((part) => part.end ?? "returned"));
  }

  async #execute(handler: BatchJobHandler, life: RunLife): Promise<void> {
    try {
      const members = await this.#membersOf();
      if (life.ending.reason !== null || members.length === 0) {
        this.#close((part) => part.end ?? "returned");
        return;
      }
      const byMessage = new Map(members.map((member) => [member.message, member]));
      const context = new OwnContext({ settings: this.#settings, life, members: byMessage });
      const returned = await handler.run([...byMessage.keys()], context);
      const ends = await this.#judge(returned, members);
      this.#close((part) => ends.get(part) ?? "returned");
    } catch (error) {
      this.#close((part) => this.#failed(part, error));
    }
  }

  /** The messages whose body fits; the others are dead. */
  async #membersOf(): Promise<readonly Member[]> {
    const readings = this.#parts.map(({ input }) => readInput(this.#settings, input));
    const isLate = readings.some((reading) => reading instanceof Promise);
    const reads = isLate ? await Promise.all(readings) : (readings as readonly Checked[]);
    return reads.flatMap((read, index) => {
      const part = this.#parts[index];
      if (part === undefined || part.end !== null) return [];
      if (read.ok) return [this.#member(part, read.data)];
      this.#settings.onEvent({ type: "invalid_input", job: this.#settings.job.name });
      part.end = invalidInput(read.issues);
      return [];
    });
  }

  #member(part: Part, data: unknown): Member {
    const { input, attempt, ending } = part;
    const outputs = new MessageOutputs(this.#settings, { input, attempt, ending });
    return { part, message: new DeliveredMessage(input, data), outputs };
  }

  async #judge(returned: unknown, members: readonly Member[]): Promise<ReadonlyMap<Part, RunEnd>> {
    const messages = members.map(({ message }) => message);
    const { of, strays } = sortResults(returned, messages);
    if (strays.length > 0) {
      this.#settings.log.warn(
        { ids: strays.slice(0, 10), count: strays.length },
        "results for no message of the batch",
      );
    }
    const ends = members.map(async (member, index) => [member.part, await this.#endOf(member, of[index])] as const);
    return new Map(await Promise.all(ends));
  }

  /** As with a single message, done means that everything it published is stored. */
  async #endOf({ part, outputs }: Member, result: { readonly outcome: unknown } | undefined): Promise<RunEnd> {
    try {
      await outputs.stored();
      if (result === undefined) throw new OmittedError();
      const outcome = outcomeOf(result.outcome);
      if (outcome === null) throw new BadOutcomeError(`the result is ${nameOf(result.outcome)}, which is no outcome`);
      return decide(outcome, standing(this.#settings, part.attempt));
    } catch (error) {
      return this.#failed(part, error);
    }
  }

  #failed({ attempt }: Part, error: unknown): RunEnd {
    return decideFailure(error, standing(this.#settings, attempt));
  }
}

interface Batch {
  readonly settings: RunSettings;
  readonly life: RunLife;
  readonly members: ReadonlyMap<JobMessage<unknown>, Member>;
}

class OwnContext implements BatchContext {
  readonly #batch: Batch;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  get signal(): AbortSignal {
    return this.#batch.life.ending.signal;
  }

  get deadline(): Date {
    return this.#batch.life.deadline;
  }

  get log(): Logger {
    return this.#batch.settings.log.child({ messages: this.#batch.members.size });
  }

  heartbeat(): void {
    this.#batch.life.heartbeat();
  }

  of(message: JobMessage<unknown>): MessageContext {
    const member = this.#batch.members.get(message);
    if (member === undefined) throw new RangeError("the message is not of this batch");
    return member.outputs;
  }
}
