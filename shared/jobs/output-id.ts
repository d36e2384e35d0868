import { createHash } from "node:crypto";

/** Which output of which run an id stands for. */
export interface OutputOrigin {
  readonly inputId: string;
  readonly handler: string;
  /** From 0, in the order in which the handler publishes. */
  readonly index: number;
}

/**
 * The message id of something a handler publishes: SHA-256, lower hex. The same run repeated makes the same ids, so that
 * the target's duplicate window keeps one copy. JSON keeps the boundaries of the parts unambiguous.
 */
export function outputId({ inputId, handler, index }: OutputOrigin): string {
  return createHash("sha256")
    .update(JSON.stringify([inputId, handler, index]))
    .digest("hex");
}
