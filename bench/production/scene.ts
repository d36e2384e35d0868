import { type Load, readLoad } from "../load.ts";
import { makeStream, type Place, type StoredMessage } from "./place.ts";
import { requestIdOf } from "./request-id.ts";
import { WatchedBridge } from "./watched.ts";

export type Protocol = "v1" | "v2";

/** A load that goes through a bridge. */
export interface Scene {
  readonly protocol: Protocol;
  readonly url: string;
  readonly load: Load;
}

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
