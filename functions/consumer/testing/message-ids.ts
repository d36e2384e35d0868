import type { JobMessage } from "../../../shared/jobs/message.ts";
import type { AnyHandler } from "../job.ts";

/**
 * Which message stands at which place of a job's stream. Events name places; a message that was parked or replayed comes
 * back at another one, under its first id.
 */
export class MessageIds {
  readonly #ids = new Map<string, string>();
  readonly #onLearned: () => void;

  constructor(onLearned: () => void) {
    this.#onLearned = onLearned;
  }

  of(job: string, sequence: number): string {
    return this.#ids.get(`${job}:${sequence}`) ?? "";
  }

  learn(job: string, sequence: number, id: string): void {
    this.#ids.set(`${job}:${sequence}`, id);
    this.#onLearned();
  }

  /** The handler, telling of each message it is given. */
  listening(job: string, handler: AnyHandler): AnyHandler {
    const learn = ({ sequence, id }: JobMessage<unknown>): void => this.learn(job, sequence, id);
    if (handler.kind === "single") {
      const run: typeof handler.run = (message, context) => {
        learn(message);
        return handler.run(message, context);
      };
      return { ...handler, run };
    }
    const run: typeof handler.run = (messages, context) => {
      messages.forEach(learn);
      return handler.run(messages, context);
    };
    return { ...handler, run };
  }
}
