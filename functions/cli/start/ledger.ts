import { grouped } from "./view.ts";

/**
 * The books of a run. Every term is counted where it happens (the simulator, the bridge, PubAcks, stream info, confirmed
 * acks); none is worked out as what is left over, so that an equation that holds is evidence.
 */
export interface LedgerTerms {
  /** Null without a simulated fleet: what others sent is not known. */
  readonly sent: {
    /** Null when the fleet ended before it could say. */
    readonly confirmed: number | null;
    /** Written while the connection was lost: the server may or may not have them. */
    readonly unconfirmed: number;
    /** Hostile messages by the code they are to be refused with. */
    readonly hostile: Readonly<Record<string, number>>;
  } | null;
  readonly received: number;
  /** Messages the server did not get to the bridge; null when their number is unknown. */
  readonly clientLoss: number | null;
  /** Times the bridge's receiving connection was lost. */
  readonly disconnects: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly streams: readonly StreamTerms[];
  readonly jobs: readonly JobTerms[];
  readonly targets: readonly TargetTerms[];
}

/** One stream that ingests feed. */
export interface StreamTerms {
  readonly name: string;
  /** By the ingests that name the stream. */
  readonly received: number;
  /** Messages that had waited for a long delay and were put back. */
  readonly released: number;
  /** Last sequence at the end less that at the start, from stream info; null when that could not be read at the end. */
  readonly stored: number | null;
  /** PubAcks that said so. */
  readonly duplicate: number;
  readonly rejected: Readonly<Record<string, number>>;
  /** By reason, those shed before validation included. */
  readonly shed: Readonly<Record<string, number>>;
}

/** One job on its stream. */
export interface JobTerms {
  readonly name: string;
  /** Messages not done when it started, from stream info. */
  readonly before: number;
  readonly stored: number | null;
  readonly done: number;
  readonly dropped: number;
  readonly dead: number;
  /** Moved out to wait for a long delay. */
  readonly parked: number;
  /** Messages not done at the end, from stream info. */
  readonly left: number | null;
}

/** One stream that jobs republish to. */
export interface TargetTerms {
  readonly name: string;
  /** Outputs that jobs report as confirmed. */
  readonly outputs: number;
  /** From stream info, as in `StreamTerms`. */
  readonly stored: number | null;
  readonly duplicate: number;
}

export interface Ledger {
  readonly lines: readonly string[];
  readonly balanced: boolean;
  /** The equations that do not hold, both sides named. */
  readonly mismatches: readonly string[];
}

interface Term {
  readonly name: string;
  /** Null: nobody could say. It is not taken as zero, and its equation does not hold. */
  readonly count: number | null;
  /** Parts of the count, for people. */
  readonly parts?: Readonly<Record<string, number>>;
}

interface Equation {
  readonly title: string;
  readonly left: readonly Term[];
  readonly right: readonly Term[];
  /** What may explain it when the equation does not hold. */
  readonly suspicion?: string;
}

/** Balances the books. */
export function ledger(terms: LedgerTerms): Ledger {
  const equations = [
    ...sentEquations(terms),
    ...terms.streams.map(streamEquation),
    ...terms.jobs.map(jobEquation),
    ...terms.targets.map(targetEquation),
  ];
  const unknown = unknowns(terms);
  const mismatches = [...equations.filter((equation) => !holds(equation)).map(mismatch), ...unknown];
  return {
    lines: [...equations.map(equationLine), ...unknown.map((text) => `?   ${text}`), conclusion(mismatches)],
    balanced: mismatches.length === 0,
    mismatches,
  };
}

function sentEquations({ sent, received, clientLoss, disconnects, rejected }: LedgerTerms): Equation[] {
  if (sent === null || sent.unconfirmed > 0 || clientLoss === null) return [];
  const arrival = {
    title: "sent",
    left: [{ name: "sent", count: sent.confirmed }],
    right: [
      { name: "received", count: received },
      { name: "client loss", count: clientLoss },
    ],
    ...(disconnects > 0 ? { suspicion: `the bridge's connection was lost ${disconnects} times` } : {}),
  };
  if (clientLoss > 0 || sent.confirmed === null) return [arrival]; // which hostile ones arrived is not known
  const codes = [...new Set([...Object.keys(sent.hostile), ...Object.keys(rejected)])].sort();
  return [arrival, ...codes.map((code) => refusalEquation(code, sent.hostile[code] ?? 0, rejected[code] ?? 0))];
}

function refusalEquation(code: string, hostile: number, rejected: number): Equation {
  return {
    title: code,
    left: [{ name: "sent hostile", count: hostile }],
    right: [{ name: "rejected", count: rejected }],
  };
}

function streamEquation({ name, received, released, stored, duplicate, rejected, shed }: StreamTerms): Equation {
  return {
    title: `stream ${name}`,
    left: [{ name: "received", count: received }, ...unlessNone("released", released)],
    right: [
      { name: "stored", count: stored },
      { name: "duplicate", count: duplicate },
      { name: "rejected", count: total(rejected) },
      { name: "shed", count: total(shed), parts: shed },
    ],
  };
}

function jobEquation({ name, before, stored, done, dropped, dead, parked, left }: JobTerms): Equation {
  return {
    title: `job ${name}`,
    left: [
      { name: "before", count: before },
      { name: "stored", count: stored },
    ],
    right: [
      { name: "done", count: done },
      { name: "dropped", count: dropped },
      { name: "dead", count: dead },
      ...unlessNone("parked", parked),
      { name: "left", count: left },
    ],
  };
}

/** A term that most runs have no use for is not shown while it is zero. */
function unlessNone(name: string, count: number): readonly Term[] {
  return count === 0 ? [] : [{ name, count }];
}

function targetEquation({ name, outputs, stored, duplicate }: TargetTerms): Equation {
  return {
    title: `republished to ${name}`,
    left: [{ name: "outputs", count: outputs }],
    right: [
      { name: "stored", count: stored },
      { name: "duplicate", count: duplicate },
    ],
  };
}

/** What makes the books incomplete: a number that nobody can know is not taken as zero. */
function unknowns({ sent, clientLoss, disconnects }: LedgerTerms): string[] {
  const unconfirmed = sent?.unconfirmed ?? 0;
  return [
    ...(unconfirmed > 0
      ? [
          `sent: ${grouped(unconfirmed)} messages were written while the fleet's connection was lost; nobody knows whether the server has them`,
        ]
      : []),
    // Where nobody counts what was sent and the connection held, no equation asks for it.
    ...(clientLoss === null && (sent !== null || disconnects > 0)
      ? [`client loss: of unknown size (the bridge's connection was lost ${disconnects} times)`]
      : []),
  ];
}

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);
const sumOf = (terms: readonly Term[]): number => terms.reduce((sum, { count }) => sum + (count ?? 0), 0);
const unknownIn = ({ left, right }: Equation): readonly Term[] =>
  [...left, ...right].filter(({ count }) => count === null);
const holds = (equation: Equation): boolean =>
  unknownIn(equation).length === 0 && sumOf(equation.left) === sumOf(equation.right);

function equationLine(equation: Equation): string {
  const mark = holds(equation) ? "ok " : unknownIn(equation).length > 0 ? "?  " : "BAD";
  return `${mark} ${equation.title}: ${side(equation.left)} = ${side(equation.right)}`;
}

function side(terms: readonly Term[]): string {
  return terms
    .map(({ name, count, parts }) => `${name} ${count === null ? "unknown" : grouped(count)}${partsText(parts)}`)
    .join(" + ");
}

function partsText(parts: Readonly<Record<string, number>> = {}): string {
  const named = Object.entries(parts).filter(([, count]) => count > 0);
  return named.length === 0 ? "" : ` (${named.map(([name, count]) => `${name} ${grouped(count)}`).join(", ")})`;
}

function mismatch(equation: Equation): string {
  const { title, left, right, suspicion } = equation;
  const unknown = unknownIn(equation).map(({ name }) => name);
  if (unknown.length > 0) return `${title}: nobody could say: ${unknown.join(", ")}`;
  const why = suspicion === undefined ? "" : ` (${suspicion})`;
  return `${title}: ${side(left)} is ${grouped(sumOf(left))}, ${side(right)} is ${grouped(sumOf(right))}${why}`;
}

function conclusion(mismatches: readonly string[]): string {
  if (mismatches.length === 0) return "balanced";
  return ["not balanced:", ...mismatches.map((text) => `  ${text}`)].join("\n");
}
