import { readFileSync } from "node:fs";
import { InvalidArgumentError, Option } from "commander";
import { type Capture, readCaptures } from "../../shared/choria/captures.ts";
import { bareMessage, explain } from "../../shared/choria/explain/explain.ts";
import type { IngestKind } from "../../shared/choria/message.ts";
import { printable } from "../../shared/choria/refusal.ts";
import { parseRfc3339 } from "../../shared/choria/rfc3339.ts";
import { createTrust, type Trust } from "../../shared/choria/trust.ts";
import { TrustError } from "../../shared/choria/trust-error.ts";
import { loadTrust } from "../../shared/config/load.ts";
import { filesBeside, readConfigFile } from "./config-file.ts";
import type { RegisterCommand } from "./context.ts";
import { EXIT, UsageError } from "./exit.ts";
import { explanationFacts, explanationLine, explanationText } from "./inspect-text.ts";

/** NATS lets control characters into subjects; a recorded one must not drive a terminal. */
const MAX_SUBJECT = 255;

interface InspectOptions {
  readonly config: string;
  readonly kind: IngestKind;
  readonly subject?: string;
  readonly now?: number;
  readonly jsonl?: boolean;
  readonly json?: boolean;
}

export const registerInspect: RegisterCommand = (program, { env }) => {
  program
    .command("inspect")
    .description("Shows a message layer by layer, who signed it, and why it is accepted or refused.")
    .argument("[file]", "file with one message as it came from NATS; - for standard input", "-")
    .requiredOption("-c, --config <file>", "configuration file (YAML); only its trust section is used")
    .addOption(
      new Option(
        "--kind <kind>",
        "what the subject carries; auto takes it from the message, if it is of Choria's protocol",
      )
        .choices(["registration", "request", "reply", "auto", "event", "submission", "raw"])
        .default("auto"),
    )
    .option("--subject <subject>", "what it came by: submission and raw take names from it; captures have their own")
    .option("--now <time>", "judge at this time (RFC 3339) instead of now, or of a capture's own", milliseconds)
    .option("--jsonl", "the file holds captures, one JSON object a line, each judged when it was received")
    .option("--json", "one JSON object a line, with `ok` and `code`")
    .action(async (file: string, options: InspectOptions) => {
      const trust = trustFromConfig(options.config, env);
      const input = readInput(file);
      const rejected = options.jsonl
        ? await inspectCaptures(parseCaptures(input, file), trust, options)
        : await inspectOne(input, trust, options);
      if (rejected > 0) process.exitCode = EXIT.rejected;
    });
};

function milliseconds(text: string): number {
  const timeNs = parseRfc3339(text);
  if (timeNs === null) throw new InvalidArgumentError('It must be an RFC 3339 time such as "2026-01-31T12:00:00Z".');
  return Number(timeNs / 1_000_000n);
}

function trustFromConfig(file: string, env: NodeJS.ProcessEnv): Trust {
  const settings = loadTrust(readConfigFile(file, env), filesBeside(file));
  try {
    return createTrust(settings);
  } catch (error) {
    if (error instanceof TrustError) throw new UsageError(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

function readInput(file: string): Buffer {
  try {
    return readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    throw new UsageError(`${file} cannot be read`, { cause: error });
  }
}

function parseCaptures(input: Buffer, file: string): readonly Capture[] {
  const captures = readCaptures(input.toString("utf8"));
  if (typeof captures === "string") throw new UsageError(`${file}: ${captures}`);
  return captures;
}

/** Returns how many messages were refused. */
async function inspectOne(raw: Buffer, trust: Trust, options: InspectOptions): Promise<number> {
  const { kind, subject, now, json } = options;
  const explanation = await explain(bareMessage(raw, subject), kind, trust, now ?? Date.now());
  console.log(json ? JSON.stringify(explanationFacts(explanation)) : explanationText(explanation));
  return explanation.verdict.ok ? 0 : 1;
}

async function inspectCaptures(
  captures: readonly Capture[],
  trust: Trust,
  { kind, now, json }: InspectOptions,
): Promise<number> {
  let rejected = 0;
  for (const capture of captures) {
    const recorded = { data: capture.payload, subject: capture.subject, headers: () => capture.headers };
    const explanation = await explain(recorded, kind, trust, now ?? capture.receivedMs);
    const { seq } = capture;
    const subject = printable(capture.subject, MAX_SUBJECT);
    const facts = { seq, subject, received: new Date(capture.receivedMs).toISOString(), captured: capture.kind };
    console.log(
      json
        ? JSON.stringify({ ...facts, ...explanationFacts(explanation) })
        : `${seq}  ${subject}  ${explanationLine(explanation)}`,
    );
    if (!explanation.verdict.ok) rejected++;
  }
  if (!json) console.log(`${captures.length - rejected} accepted, ${rejected} rejected`);
  return rejected;
}
