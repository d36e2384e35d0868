import type { ValidatedMessage, Wire } from "../message.ts";
import { printable, Refusal } from "../refusal.ts";

/**
 * What becomes of the headers that a message came with. Nothing signs them, and a header is an order to whoever reads it:
 * `Nats-Rollup` to the server, `Job-Id` to a worker. So none is stored under the name it came with.
 */

type Headers = ValidatedMessage["headers"];

/** The server's own; a publish must not repeat them. */
const NATS = /^nats-/i;
/** Carried on by themselves, see trace-context.ts. */
const TRACE = /^trace(?:parent|state)$/i;
/** A token says who may do what: it is looked at and not kept. */
const TOKEN = /^choria-token$/i;
/** What NATS writes as a header's name: printable ASCII without the colon. */
const NAME = /^[!-9;-~]{1,128}$/;
const CHORIA = /^choria-/i;

/** A stream counts the bytes of bodies; headers beside them have to stay small. */
const MOST_BYTES = 4_096;
/** Each costs memory and a line of its own, however short it is. */
const MOST_HEADERS = 64;

/** The headers under names that mean nothing to anybody else, bounded in size; a refusal when they are not. */
function renamed(wire: Wire, rename: (name: string) => string): Headers | Refusal {
  const kept = wire
    .headers()
    .filter(([name]) => NAME.test(name) && !NATS.test(name) && !TRACE.test(name) && !TOKEN.test(name))
    .map(([name, value]) => [rename(name), printable(value.trim(), MOST_BYTES)] as const);
  if (kept.length > MOST_HEADERS) {
    return new Refusal("too_large", `${kept.length} headers, at most ${MOST_HEADERS} are kept`);
  }
  const bytes = kept.reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value), 0);
  if (bytes <= MOST_BYTES) return kept;
  return new Refusal("too_large", `headers of ${bytes} bytes, at most ${MOST_BYTES} are kept`);
}

/** `Choria-Priority` becomes `Submission-Priority`, `X-Site` becomes `Submission-Header-X-Site`. */
export function submissionHeaders(wire: Wire): Headers | Refusal {
  return renamed(wire, (name) =>
    CHORIA.test(name) ? `Submission-${name.slice("choria-".length)}` : `Submission-Header-${name}`,
  );
}

/** `Content-Type` becomes `Raw-Header-Content-Type`. */
export function rawHeaders(wire: Wire): Headers | Refusal {
  return renamed(wire, (name) => `Raw-Header-${name}`);
}

/** The values of a header, its name in any case; Go writes `Nats-Msg-Id`, others what they like. */
export function valuesOf(wire: Wire, name: string): readonly string[] {
  return wire
    .headers()
    .filter(([given]) => given.toLowerCase() === name)
    .map(([, value]) => value.trim());
}
