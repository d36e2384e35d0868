/** A foreign system that processed messages are written to. */

export interface OutboundMessage {
  /** Deterministic: the same job run again writes the same id, so that a target with deduplication keeps one. */
  readonly id: string;
  /** What must stay in order (the sender); empty when nothing must. */
  readonly key: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

export interface Receipt {
  /** The target already held this id, so nothing new was stored. */
  readonly duplicate: boolean;
  /** Stored, and perhaps for the second time: nobody knows what became of an earlier write of this id. */
  readonly maybeDuplicate?: true;
}

export interface Sink extends AsyncDisposable {
  readonly name: string;
  /** Resolves once the target confirmed the message as stored, nothing weaker; rejects with a `JobsError` otherwise. */
  write(message: OutboundMessage, signal: AbortSignal): Promise<Receipt>;
}
