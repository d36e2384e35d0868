/** The headers a message was stored with. Names are compared exactly. */
export interface MessageHeaders {
  /** The first value of the header; empty when there is none. */
  get(name: string): string;
  has(name: string): boolean;
  entries(): readonly (readonly [name: string, value: string])[];
}

/** What a handler is given. Texts from `Choria-*` headers are empty when the message has no such header. */
export interface JobMessage<T> {
  /** `Nats-Msg-Id`, or `<stream>:<sequence>:<milliseconds>` for a message stored without one. */
  readonly id: string;
  readonly subject: string;
  readonly data: T;
  readonly headers: MessageHeaders;
  readonly sender: string;
  /** `signature` when the sender is proven; anything else is a self-declared name. */
  readonly senderProof: string;
  readonly caller: string;
  readonly agent: string;
  readonly collective: string;
  readonly requestId: string;
  /** The sender's clock, RFC 3339. */
  readonly time: string;
  /** When the stream took the message. */
  readonly publishedAt: Date;
  readonly stream: string;
  readonly sequence: number;
}
