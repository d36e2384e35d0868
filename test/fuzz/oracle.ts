import { hash } from "node:crypto";
import { REJECTION_CODES, type ValidatedMessage, type Verdict } from "../../shared/choria/message.ts";
import { factsOf, openLayers } from "./layers.ts";
import type { Mutant } from "./mutant.ts";
import type { Specimen } from "./specimens.ts";

/** What every verdict is held to, found without the code under test. */
export class Oracle {
  /** Digests of what the senders of the specimens really signed. */
  readonly #documents = new Set<string>();
  /** Who signed which payload of a submission. */
  readonly #payloads = new Set<string>();

  constructor(specimens: readonly Specimen[]) {
    for (const { data, headers } of specimens) {
      const layers = openLayers(data);
      if (layers !== null) this.#documents.add(hash("sha256", layers.signed, "hex"));
      const token = headers.find(([name]) => name === "Choria-Token")?.[1];
      if (token !== undefined) this.#payloads.add(`${identityOf(token)} ${hash("sha256", data, "hex")}`);
    }
  }

  /** What is wrong with the verdict; null when nothing is. */
  violation(mutant: Mutant, verdict: Verdict): string | null {
    return verdict.ok ? this.#wrongAcceptance(mutant, verdict.message) : wrongRefusal(verdict.rejection);
  }

  #wrongAcceptance(mutant: Mutant, message: ValidatedMessage): string | null {
    if (message.proof === "payload") return this.#wrongSubmission(mutant, message);
    if (message.proof !== "signature" && message.senderProof !== "none")
      return "a sender is proven by less than a signature";
    if (message.protocol === "none") return message.proof === "none" ? null : "a proof without a protocol";
    return wrongFields(mutant, message) ?? this.#wrongProof(mutant, message);
  }

  #wrongProof({ data, signed: resigned }: Mutant, message: ValidatedMessage): string | null {
    if (message.proof === "none") return message.code === "insecure_registration" ? null : "no proof, and no opt-in";
    if (message.proof === "hash") return message.kind === "reply" ? null : "a hash proves a message that is no reply";
    const { signed = Buffer.alloc(0), secure = {} } = openLayers(data) ?? {};
    if (this.#documents.has(hash("sha256", signed, "hex"))) return null;
    if (resigned === null || !signed.equals(resigned.bytes)) return "nobody has signed what was accepted";
    const { identity, caller, name, credential, isKeyShared } = resigned.by;
    if (isKeyShared && secure["pubcert"] !== credential) return null;
    const isOwn = message.kind === "request" ? isCaller(message, caller) : message.sender === identity;
    return isOwn && identity !== null ? null : `${name} spoke as ${message.sender}, ${message.caller}`;
  }

  #wrongSubmission({ data }: Mutant, message: ValidatedMessage): string | null {
    if (message.kind !== "submission") return "a payload's proof of something else than a submission";
    const isGenuine = this.#payloads.has(`${message.sender} ${hash("sha256", data, "hex")}`);
    return isGenuine ? null : `nobody has signed what was accepted of ${message.sender}`;
  }
}

/** In v1 the word before the name is compared with nothing: `okta=x` is as good as `choria=x` (go-choria takes both). */
function isCaller({ protocol, caller }: ValidatedMessage, own: string | null): boolean {
  if (own === null || protocol !== "v1") return caller === own;
  return caller.replace(/^[a-z]+=/, "choria=") === own;
}

function identityOf(token: string): string {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).identity;
}

/** Every stored field against the signed document, read by JSON.parse; and the id against its bytes. */
function wrongFields({ data }: Mutant, message: ValidatedMessage): string | null {
  const signed = openLayers(data)?.signed;
  const said = signed === undefined ? null : factsOf(signed);
  if (signed === undefined || said === null) return "accepted what cannot be read";
  // Replies have no such fields, whatever their document holds.
  const facts = message.kind === "reply" ? { ...said, caller: "", collective: "", ttlSeconds: 0 } : said;
  const stored: Readonly<Record<string, unknown>> = {
    ...{ sender: message.sender, caller: message.caller, agent: message.agent, collective: message.collective },
    ...{ requestId: message.requestId, ttlSeconds: message.ttlSeconds, time: Number(message.timeNs) },
    payload: Buffer.from(message.payload).toString("base64"),
  };
  const read: Readonly<Record<string, unknown>> = facts;
  const wrong = Object.keys(stored).find((name) => stored[name] !== read[name]);
  if (wrong !== undefined) return `${wrong} is not what was signed`;
  const id = hash("sha256", Buffer.concat([Buffer.from(`${message.kind}\0${message.proof}\0`), signed]), "hex");
  return id === message.messageId ? null : "the id is not that of the signed bytes";
}

const CODES: ReadonlySet<string> = new Set(REJECTION_CODES);
const MOST_DETAIL = 2_048;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a sender wrote must not drive a terminal
const CONTROL = /[\u0000-\u001f\u007f]/;

function wrongRefusal({ code, detail }: { readonly code: string; readonly detail: string }): string | null {
  if (!CODES.has(code)) return `code ${code} is not listed`;
  if (detail.startsWith("validation itself failed")) return detail;
  return detail.length > MOST_DETAIL || CONTROL.test(detail) ? `the detail of ${code} is not fit to be printed` : null;
}
