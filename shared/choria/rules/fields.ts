import type { Kind, Protocol } from "../message.ts";
import { quoted, Refusal } from "../refusal.ts";
import type { Inner } from "../wire/inner.ts";

const MAX_NAME_CHARACTERS = 255;
export const MAX_CALLER_CHARACTERS = 1_024;
const REQUEST_ID = /^[A-Za-z0-9_-]{1,128}$/;
const V1_REQUEST_ID_CHARACTERS = 32;
const NAME = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
const V1_CALLER = /^[a-z]+=([\w.-]+)$/;
const V1_PRIVILEGED_CALLER = /^[a-z]+=\S+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the purpose
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Whether a name can stand in a subject as it is: tokens of letters, digits, `_` and `-`, none of them empty. */
export function isSubjectSafe(name: string): boolean {
  return name.length <= MAX_NAME_CHARACTERS && NAME.test(name);
}

/** The name in `kind=name`, the form of every caller but a privileged one's; null for other forms. */
export function v1CallerIdentity(caller: string): string | null {
  return V1_CALLER.exec(caller)?.[1] ?? null;
}

export type RequestKind = Exclude<Kind, "reply">;

/** A registration is a request to agent `registration`, whatever its subject; what cannot be read is judged as a request. */
export function requestKind(kind: Kind | "auto", inner: { readonly agent: string } | Refusal): RequestKind {
  if (kind === "registration" || kind === "request") return kind;
  return !(inner instanceof Refusal) && inner.agent === "registration" ? "registration" : "request";
}

/** Whether a text that nothing else bounds can stand in a header: 1 to 1,024 characters, none of them a control. */
export function isHeaderSafe(text: string): boolean {
  return text !== "" && text.length <= MAX_CALLER_CHARACTERS && !CONTROL.test(text) && text.isWellFormed();
}

/** Checks 9 and 10: values that end up in headers, subjects and file names. */
export function namesRefusal(inner: Inner, protocol: Protocol, kind: Kind): Refusal | null {
  const { requestId, sender, agent } = inner;
  const isLengthFit = protocol === "v2" || requestId.length === V1_REQUEST_ID_CHARACTERS;
  if (!isLengthFit || !REQUEST_ID.test(requestId)) {
    return new Refusal("requestid_invalid", `request id ${quoted(requestId)} is not well-formed`);
  }
  if (!isSubjectSafe(sender)) return new Refusal("sender_invalid", `sender ${quoted(sender)} is no safe subject token`);
  if (!isSubjectSafe(agent)) return new Refusal("agent_invalid", `agent ${quoted(agent)} is no safe subject token`);
  if (kind === "registration" && agent !== "registration") {
    return new Refusal("agent_invalid", `a registration names agent ${quoted(agent)}`);
  }
  return null;
}

/** Check 11, v1. What this lets through beyond `kind=name` only a privileged certificate may name. */
export function v1CallerRefusal(caller: string): Refusal | null {
  const isBounded = caller.length <= MAX_CALLER_CHARACTERS && !CONTROL.test(caller);
  if (isBounded && V1_PRIVILEGED_CALLER.test(caller)) return null;
  return new Refusal("caller_invalid", `caller ${quoted(caller)} is not "kind=name"`);
}

/** Check 11, v2: the caller is compared with the token, so only what no header may carry is refused here. */
export function v2CallerRefusal(caller: string): Refusal | null {
  if (caller !== "" && caller.length <= MAX_CALLER_CHARACTERS && !CONTROL.test(caller)) return null;
  return new Refusal("caller_invalid", `caller ${quoted(caller)} is empty, too long or holds control characters`);
}
