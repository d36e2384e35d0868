import { subjectsOverlap } from "../../subjects/overlap.ts";
import { compileTemplate, type SubjectTemplate } from "../../subjects/template.ts";
import { jobConnections, KEPT_SECTIONS, keptConnection, keptFilter, streamName } from "../names.ts";
import type { Finding } from "../problem.ts";
import type { Config, IngestConfig, StreamConfig } from "../schema.ts";
import { durationText } from "../units.ts";
import { feedingIngests } from "./flow.ts";
import { absentFacts } from "./kinds.ts";
import { checkProof, provesSender } from "./proof.ts";
import { pairs, type Scope } from "./scope.ts";

/** The wildcard subject of a stream. */
export function streamFilter(stream: StreamConfig): string {
  return compileTemplate(stream.subject).filter;
}

export function checkStream(scope: Scope, name: string, stream: StreamConfig): readonly Finding[] {
  const path = ["streams", name];
  return [...checkTemplate(scope, name, stream), ...checkLoss(path, stream), ...checkWindow(scope, name, stream)];
}

/** Streams of one connection, quarantine and dead letters included, share neither a name nor a subject. */
export function checkStreamsTogether(config: Config): readonly Finding[] {
  return pairs(storedStreams(config)).flatMap(([first, second]) => {
    if (first.connection !== second.connection) return [];
    return first.name === second.name ? [sameName(first, second)] : overlapping(first, second);
  });
}

interface StoredStream {
  readonly path: readonly string[];
  readonly connection: string | null;
  readonly name: string;
  readonly filter: string;
}

/** Every stream of the configuration, quarantine and dead letters included. */
export function storedStreams(config: Config): readonly StoredStream[] {
  const own = Object.entries(config.streams).map(([entry, stream]) => ({
    path: ["streams", entry],
    connection: stream.connection,
    name: streamName(config, entry),
    filter: streamFilter(stream),
  }));
  const kept = KEPT_SECTIONS.map((section) => ({
    path: [section],
    connection: keptConnection(config, section),
    name: config[section].name,
    filter: keptFilter(config[section]),
  }));
  const shared = jobConnections(config).flatMap((connection) => [
    { path: ["delayed"], connection, name: config.delayed.name, filter: keptFilter(config.delayed) },
    { path: ["advisories"], connection, name: config.advisories.name, filter: keptFilter(config.advisories) },
  ]);
  return [...kept, ...shared, ...own];
}

function sameName(first: StoredStream, second: StoredStream): Finding {
  const problem = `has the name "${second.name}" on the server, as ${first.path.join(".")} does`;
  return { path: second.path, value: undefined, problem, fix: "give one of them another name" };
}

function overlapping(first: StoredStream, second: StoredStream): Finding[] {
  if (!subjectsOverlap(first.filter, second.filter)) return [];
  const problem = `its subjects (${second.filter}) overlap those of ${first.path.join(".")} (${first.filter})`;
  const fix = "start the two templates with different words; the server stores a subject in one stream only";
  return [{ path: second.path, value: undefined, problem, fix }];
}

function checkTemplate(scope: Scope, name: string, stream: StreamConfig): Finding[] {
  const path = ["streams", name, "subject"];
  const template = compileTemplate(stream.subject);
  const feeds = feedingIngests(scope.config, name);
  // What an ingest with an impossible proof would mean for the stream is no news.
  const sound = feeds.filter(([ingestName, ingest]) => checkProof(scope, ["ingest", ingestName], ingest).length === 0);
  return sound.flatMap(([ingestName, ingest]) => [
    ...checkSender(stream, template, { path, ingestName, ingest }),
    ...checkAbsentFacts(template, { path, ingestName, ingest }),
  ]);
}

interface Feed {
  readonly path: PropertyKey[];
  readonly ingestName: string;
  readonly ingest: IngestConfig;
}

function checkSender(stream: StreamConfig, template: SubjectTemplate, { path, ingestName, ingest }: Feed): Finding[] {
  if (!template.usesSender || stream.allowUnprovenSender || provesSender(ingest)) return [];
  const problem = `puts the sender into the subject, but nothing proves it in ingest "${ingestName}" (${ingest.kind}, proof ${ingest.proof})`;
  const fix = "leave {sender} out, or accept a self-declared name with allowUnprovenSender: true";
  return [{ path, value: stream.subject, problem, fix }];
}

function checkAbsentFacts(template: SubjectTemplate, { path, ingestName, ingest }: Feed): Finding[] {
  const absent = [...absentFacts(ingest.kind)].filter((fact) => template.uses.has(fact));
  return absent.map((fact) => ({
    path,
    value: template.text,
    problem: `uses {${fact}}, which the messages of ingest "${ingestName}" (${ingest.kind}) do not carry`,
    fix: `leave {${fact}} out, or give them a stream of their own`,
  }));
}

function checkLoss(path: PropertyKey[], stream: StreamConfig): Finding[] {
  if (stream.retention !== "workqueue" || stream.allowLoss) return [];
  const findings: Finding[] = [];
  if (stream.discard === "old") {
    const problem = "makes a full work queue drop messages nobody has processed";
    const fix = "write discard: new, or accept the loss with allowLoss: true";
    findings.push({ path: [...path, "discard"], value: stream.discard, problem, fix });
  }
  if (stream.maxAge !== undefined) {
    const problem = "makes a work queue drop messages nobody has processed";
    const fix = "remove it, or accept the loss with allowLoss: true";
    findings.push({ path: [...path, "maxAge"], value: durationText(stream.maxAge), problem, fix });
  }
  return findings;
}

/**
 * A copy of a message is believed for ttl.max on both sides of its time, and the bridge may hold it for buffer.maxAge: for
 * that long the server has to know its id. It refuses a window longer than the age of the stream (error 10052).
 */
function checkWindow(scope: Scope, name: string, stream: StreamConfig): Finding[] {
  const path = ["streams", name, "duplicateWindow"];
  const value = durationText(stream.duplicateWindow);
  const findings: Finding[] = [];
  const isFed = Object.values(scope.config.ingest).some((ingest) => ingest.to.includes(name));
  const needed = 2 * scope.config.trust.ttl.max + stream.buffer.maxAge;
  if (isFed && scope.isTrustKnown && stream.duplicateWindow < needed) {
    const problem = "is shorter than 2 x trust.ttl.max + buffer.maxAge: a replayed message could be stored again";
    findings.push({ path, value, problem, fix: `make it at least ${durationText(needed)}` });
  }
  if (stream.maxAge !== undefined && stream.duplicateWindow > stream.maxAge) {
    const problem = "is longer than maxAge, which the server refuses";
    findings.push({ path, value, problem, fix: `make it at most ${durationText(stream.maxAge)}, or maxAge longer` });
  }
  return findings;
}
