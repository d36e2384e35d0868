import type { JobContext } from "../../shared/jobs/context.ts";
import { MessageOutputs, type RunSubject, type RunTools } from "./message-outputs.ts";
import type { RunLife } from "./run-life.ts";

/** The context of the run of one message. */
export class RunContext extends MessageOutputs implements JobContext {
  readonly #life: RunLife;

  constructor(tools: RunTools, subject: Omit<RunSubject, "ending">, life: RunLife) {
    super(tools, { ...subject, ending: life.ending });
    this.#life = life;
  }

  get deadline(): Date {
    return this.#life.deadline;
  }

  heartbeat(): void {
    this.#life.heartbeat();
  }
}
