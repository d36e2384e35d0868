import { type Load, readLoad } from "../load.ts";
import { makeStream, type Place, readStored, type StoredMessage } from "./place.ts";
import { requestIdOf } from "./request-id.ts";
import { WatchedBridge, type WatchedReport } from "./watched.ts";

export type Protocol = "v1" | "v2";

/** A load that goes through a contender. */
export interface Scene<Report> {
  readonly protocol: Protocol;
  readonly url: string;
  readonly load: Load;
  readonly contender: Contender<Report>;
}

/** What takes messages and stores them: the bridge, or what it is compared with. */
export interface Contender<Report> {
  /** Starts it to store in the place, made anew; resolves once it receives. */
  start(place: Place, scene: Pick<Scene<Report>, "protocol" | "url" | "load">): Promise<Running<Report>>;
  /** All that it stored, in order. */
  readStored(place: Place): Promise<readonly StoredMessage[]>;
}

export interface Running<Report> {
  /** CPU time counts from now. */
  mark(): void;
  /** Resolves with what it says once it has stored what it had. */
  stop(): Promise<Report>;
}

export const BRIDGE: Contender<WatchedReport> = { start: startBridge, readStored };

/** Starts a bridge that stores in the place, made anew. */
export async function startBridge(
  place: Place,
  { url, load }: { readonly url: string; readonly load: Pick<Load, "signedAtMs" | "trust"> },
): Promise<WatchedBridge> {
  await makeStream(place);
  const { signedAtMs, trust } = load;
  return WatchedBridge.start({ url, storeUrl: place.url, stream: place.stream, signedAtMs, trust });
}

/** A stored message by its place in the load. */
export interface Numbered {
  readonly sender: string;
  readonly number: number;
}

/** Throws for a message that was never sent. */
export function numbered(stored: readonly StoredMessage[], { file }: Load): readonly Numbered[] {
  const numbers = new Map(readLoad(file).messages.map((message, number) => [requestIdOf(message), number]));
  return stored.map(({ sender, requestId }) => {
    const number = numbers.get(requestId);
    if (number === undefined) throw new Error(`the stream holds request ${requestId}, which was not sent`);
    return { sender, number };
  });
}

/** How often a sender's message is followed by one that it sent earlier. */
export function countOutOfOrder(stored: readonly Numbered[]): number {
  const last = new Map<string, number>();
  let count = 0;
  for (const { sender, number } of stored) {
    if ((last.get(sender) ?? -1) > number) count += 1;
    last.set(sender, number);
  }
  return count;
}
