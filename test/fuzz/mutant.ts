import { hash } from "node:crypto";
import type { IngestKind } from "../../shared/choria/message.ts";
import type { WireHeaders } from "../support/wire.ts";
import { EDITS, type Edited, grow, type Step } from "./edits.ts";
import { type Fields, type Layers, layersOf, openLayers } from "./layers.ts";
import { SIGNERS, type Signer, signatureOf } from "./signers.ts";
import type { Specimen } from "./specimens.ts";

/** How a case is made, in numbers only. */
export interface Recipe {
  readonly specimen: number;
  readonly donor: number;
  /** Judged as this kind: 0 its own, else any. */
  readonly kind: number;
  readonly steps: readonly Step[];
  /** Above the number of signers: nobody signs anew. */
  readonly signer: number;
  /** What is done to signature, hash and credential: 0 nothing. */
  readonly seal: number;
  /** 0: a layer grows. */
  readonly grown: number;
}

export interface Mutant {
  readonly specimen: Specimen;
  readonly kind: IngestKind;
  readonly data: Buffer;
  readonly subject: string;
  readonly headers: WireHeaders;
  /** Who signed the changed document, with a key of theirs; null when nobody did. */
  readonly signed: { readonly by: Signer; readonly bytes: Buffer } | null;
}

const KINDS: readonly IngestKind[] = ["registration", "request", "reply", "auto", "event", "submission", "raw"];

export function makeMutant(recipe: Recipe, specimens: readonly Specimen[]): Mutant {
  const specimen = specimens[recipe.specimen % specimens.length] as Specimen;
  const donor = specimens[recipe.donor % specimens.length] as Specimen;
  const layers = layersOf(specimen);
  const kind = recipe.kind < KINDS.length ? (KINDS[recipe.kind] as IngestKind) : specimen.kind;
  const common = { specimen, kind, subject: specimen.subject, headers: specimen.headers };
  if (layers === null) return { ...common, ...foreignMutant(recipe, specimen, donor), signed: null };
  return { ...common, ...protocolMutant(recipe, layers, layersOf(donor)) };
}

function protocolMutant(recipe: Recipe, layers: Layers, donor: Layers | null): Pick<Mutant, "data" | "signed"> {
  const edited = (layer: number, bytes: Buffer, other: Buffer) => applySteps(recipe, layer, { bytes, donor: other });
  const inner = edited(2, layers.signed, donor?.signed ?? layers.signed);
  const isUtf8 = layers.place.encoding === "utf8";
  // A v1 document is carried as text: what is no UTF-8 changes on the way into it.
  const bytes = isUtf8 ? Buffer.from(inner.toString("utf8")) : inner;
  const by = SIGNERS[recipe.signer];
  const isResigned = by !== undefined && (by.protocol === "v1") === isUtf8;
  const secure: Fields = { ...layers.secure, [layers.place.field]: bytes.toString(layers.place.encoding) };
  if (isResigned) reseal(secure, layers, { by, bytes });
  spoilSeal(secure, recipe, donor?.secure ?? layers.secure);
  const secureBytes = edited(1, textOf(secure), textOf(donor?.secure ?? {}));
  const transport = { ...layers.transport, data: secureBytes.toString("base64") };
  const data = edited(0, textOf(transport), textOf(donor?.transport ?? {}));
  return { data, signed: isResigned ? { by, bytes } : null };
}

const textOf = (fields: Fields): Buffer => Buffer.from(JSON.stringify(fields));

function applySteps({ steps, grown }: Recipe, layer: number, { bytes, donor }: Omit<Edited, "step">): Buffer {
  let result = bytes;
  for (const step of steps) {
    if (step.layer === layer) result = EDITS[step.edit % EDITS.length]?.({ bytes: result, step, donor }) ?? result;
  }
  const [first] = steps;
  return grown === 0 && first?.layer === layer ? grow(result, first) : result;
}

function reseal(secure: Fields, { place }: Layers, { by, bytes }: { by: Signer; bytes: Buffer }): void {
  if ("hash" in secure) secure["hash"] = hash("sha256", bytes, "base64");
  if (by.protocol === "v1" && "hash" in secure) return;
  secure["signature"] = signatureOf(bytes, by);
  secure[by.protocol === "v1" ? "pubcert" : place.field === "reply" ? "sender" : "caller"] = by.credential;
}

/** Changes what stands beside the signed bytes, in ways that bytes and fields alone would rarely hit. */
function spoilSeal(secure: Fields, { seal, steps }: Recipe, donor: Fields): void {
  const { at = 0, pick = 0 } = steps[0] ?? {};
  const name = ["pubcert", "caller", "sender"].find((field) => typeof secure[field] === "string");
  const credential = name === undefined ? "" : String(secure[name]);
  const theirs = String(donor["pubcert"] ?? donor["caller"] ?? donor["sender"] ?? "");
  const signature = Buffer.from(String(secure["signature"] ?? ""), "base64");
  if (seal === 1 && signature.length > 0) {
    signature.writeUInt8(signature.readUInt8(at % signature.length) ^ (1 << (pick & 7)), at % signature.length);
    secure["signature"] = signature.toString("base64");
  } else if (seal === 2) secure["signature"] = signature.toString(pick % 2 === 0 ? "base64url" : "hex");
  else if (seal === 3) secure["signature"] = pick % 2 === 0 ? "insecure" : "aW5zZWN1cmU=";
  else if (seal === 4 && name !== undefined) secure[name] = theirs;
  else if (seal === 5 && name !== undefined) secure[name] = spoilCredential(credential, theirs, pick);
  else if (seal === 6 && "hash" in secure) secure["hash"] = hash("sha256", signedOf(secure), "base64");
  else if (seal === 7) secure["signer"] = theirs;
}

function signedOf(secure: Fields): Buffer {
  return openLayers(textOf({ data: textOf(secure).toString("base64") }))?.signed ?? Buffer.alloc(0);
}

/** Certificates in another order or many times over; tokens of parts that were not made for each other. */
function spoilCredential(own: string, theirs: string, pick: number): string {
  if (own.startsWith("-----"))
    return [own + theirs, theirs + own, own.repeat(1 + (pick % 40)), `x\n${own}`][pick % 4] ?? own;
  const [mine, others] = [own.split("."), theirs.split(".")];
  const header = Buffer.from('{"alg":"none"}').toString("base64url");
  const parts = [
    [others[0], mine[1], mine[2]],
    [mine[0], others[1], mine[2]],
    [mine[0], mine[1], others[2]],
    [header, mine[1], ""],
  ];
  return (parts[pick % 4] ?? mine).join(".");
}

function foreignMutant(
  recipe: Recipe,
  specimen: Specimen,
  donor: Specimen,
): Pick<Mutant, "data" | "subject" | "headers"> {
  const data = recipe.steps
    .filter(({ layer }) => layer !== 1)
    .reduce(
      (bytes, step) => EDITS[step.edit % EDITS.length]?.({ bytes, step, donor: donor.data }) ?? bytes,
      specimen.data,
    );
  const [first] = recipe.steps;
  const headers = recipe.steps
    .filter(({ layer }) => layer === 1)
    .reduce((kept, step) => editHeaders(kept, step, donor.headers), specimen.headers);
  const subject =
    recipe.seal === 4 ? donor.subject : recipe.seal === 5 ? `${specimen.subject}\u0007` : specimen.subject;
  return { data: recipe.grown === 0 && first !== undefined ? grow(data, first) : data, subject, headers };
}

function editHeaders(headers: WireHeaders, { edit, at, pick }: Step, donor: WireHeaders): WireHeaders {
  const index = at % Math.max(1, headers.length);
  const [name, value] = headers[index] ?? ["Choria-Identity", "node2.example.net"];
  const change = [
    () => headers.filter((_, other) => other !== index),
    () => [...headers, [name, value] as const],
    () => [...headers, [name.toUpperCase(), `${value} x`] as const],
    () => headers.map((header, other) => (other === index ? ([name, flipCharacter(value, pick)] as const) : header)),
    () => [...headers.filter(([given]) => !donor.some(([theirs]) => theirs === given)), ...donor],
    () => [...headers, ["Nats-Rollup", "all"] as const, ["Job-Id", "x"] as const],
    () => [...headers, ["X".repeat(1 + (pick % 200)), "y".repeat(pick % 6_000)] as const],
  ][edit % 7];
  return change?.() ?? headers;
}

function flipCharacter(value: string, pick: number): string {
  const at = pick % Math.max(1, value.length);
  return value.slice(0, at) + String.fromCharCode(value.charCodeAt(at) ^ 1) + value.slice(at + 1);
}
