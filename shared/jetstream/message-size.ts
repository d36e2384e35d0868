import type { Msg } from "nats";

/** Bytes a message came in: subjects, headers and body. nats.js knows it without reading the headers; its types do not say so. */
export function messageSize(message: Msg): number {
  const { size } = message as Msg & { readonly size?: () => number };
  return size === undefined ? message.data.length : size.call(message);
}
