import { isValidSubject, subjectCovers } from "./overlap.ts";
import { partitionOf } from "./partition.ts";
import { encodeToken, encodeTokens } from "./token.ts";

/** The facts of a message that may stand in its subject. Empty where a message has none (a reply has no caller). */
export interface SubjectFacts {
  readonly sender: string;
  readonly collective: string;
  readonly agent: string;
  readonly caller: string;
}

export type SubjectFact = keyof SubjectFacts;

export interface SubjectTemplate {
  readonly text: string;
  /** The subject of the stream: every rendered subject matches it. */
  readonly filter: string;
  /** The facts whose value can be read from the subject. `{partition:N}` only spreads senders, so it is not among them. */
  readonly uses: ReadonlySet<SubjectFact>;
  readonly usesSender: boolean;
  /** The subject of one message, valid whatever the facts hold. */
  render(facts: SubjectFacts): string;
}

/** A template that cannot be used; `problem` and `fix` are sentences for the person who wrote it. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly code = "SUBJECT_TEMPLATE";
  readonly problem: string;
  readonly fix: string;

  constructor(problem: string, fix: string) {
    super(`${problem}; ${fix}`);
    this.problem = problem;
    this.fix = fix;
  }
}

type Render = (facts: SubjectFacts) => string;

interface Part {
  /** Text before the value. */
  readonly literal: string;
  readonly value: Render;
}

/** First tokens that belong to the server or to request-reply, and a subject of each: storing them breaks JetStream itself. */
const RESERVED = new Map([
  ["$JS", "$JS.API.INFO"],
  ["$SYS", "$SYS.ACCOUNT.A.CONNECT"],
  ["_INBOX", "_INBOX.id.token"],
]);
const MOST_PARTITIONS = 10_000;
const PLACEHOLDER = /\{([^{}]*)\}|%s/g;
const KNOWN = "{sender} {collective} {agent} {caller} {partition:N} or %s";

/**
 * Compiles `choria.reg.{sender}`. A value that may hold dots stands as it is only as the whole last token (the filter then
 * ends in `>`); elsewhere it is made one token, see `encodeToken`. A caller is always made one token: it may hold anything.
 * Throws `TemplateError`.
 */
export function compileTemplate(text: string): SubjectTemplate {
  const parts: Part[] = [];
  const uses = new Set<SubjectFact>();
  let end = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    const name = match[0] === "%s" ? "sender" : (match[1] ?? "");
    const whole = match.index + match[0].length === text.length && (match.index === 0 || text[match.index - 1] === ".");
    parts.push({ literal: literalText(text.slice(end, match.index)), value: renderValue(name, whole) });
    if (isFact(name)) uses.add(name);
    end = match.index + match[0].length;
  }
  const tail = literalText(text.slice(end));
  return { text, filter: filterOf(text), uses, usesSender: uses.has("sender"), render: renderer(parts, tail) };
}

function renderer(parts: readonly Part[], tail: string): Render {
  return (facts) => {
    let subject = "";
    for (const part of parts) subject += part.literal + part.value(facts);
    return subject + tail;
  };
}

function renderValue(name: string, isLastToken: boolean): Render {
  const [base, argument] = name.split(":", 2);
  if (base === "partition") return partitionValue(argument);
  if (!isFact(name)) throw new TemplateError(`unknown placeholder {${name}}`, `use ${KNOWN}`);
  if (isLastToken && name !== "caller") return (facts) => encodeTokens(facts[name]);
  return (facts) => encodeToken(facts[name]);
}

function partitionValue(argument: string | undefined): Render {
  const partitions = Number(argument);
  if (!/^\d+$/.test(argument ?? "") || partitions < 1 || partitions > MOST_PARTITIONS) {
    throw new TemplateError("{partition} needs a number of partitions", "write it as {partition:16}, at most 10000");
  }
  return (facts) => String(partitionOf(facts.sender, partitions));
}

function literalText(text: string): string {
  if (/[*>]/.test(text)) {
    throw new TemplateError("a template holds no wildcards", `use a placeholder: ${KNOWN}`);
  }
  if (/[{}%]/.test(text)) throw new TemplateError(`stray "{", "}" or "%"`, `placeholders are ${KNOWN}`);
  if (/[\s\p{Cc}]/u.test(text)) throw notASubject();
  return text;
}

function notASubject(): TemplateError {
  return new TemplateError("is not a valid NATS subject", 'write tokens joined by ".", none empty, no spaces');
}

function filterOf(text: string): string {
  const tokens = text.split(".");
  const last = tokens.length - 1;
  const filter = tokens.map((token, index) => wildcardOf(token, index === last)).join(".");
  if (!isValidSubject(filter)) throw notASubject();
  for (const [first, sample] of RESERVED) {
    if (tokens[0] !== first && !subjectCovers(filter, sample)) continue;
    const fix = 'start it with a word of its own, as in "choria.{sender}"';
    throw new TemplateError(`its subjects (${filter}) include ${first}.>, which NATS itself uses`, fix);
  }
  return filter;
}

function wildcardOf(token: string, isLast: boolean): string {
  if (!token.includes("{") && !token.includes("%s")) return token;
  return isLast && /^(?:\{(?:sender|collective|agent)\}|%s)$/.test(token) ? ">" : "*";
}

function isFact(name: string): name is SubjectFact {
  return name === "sender" || name === "collective" || name === "agent" || name === "caller";
}
