import type { Command } from "commander";
import type { ReplayLimits } from "../../shared/jetstream/replay-plan.ts";
import { REPLAY_ENDS, replayAction } from "../replay/replay.ts";
import { age, positiveCount } from "./arguments.ts";
import { openConfigFile } from "./config-file.ts";
import type { CliContext } from "./context.ts";
import { DROP_ENDS, dropAction } from "./dead-drop.ts";
import { replayThrough } from "./dead-function.ts";
import { exportAll, list, show } from "./dead-list.ts";
import { actingSelectionOf, type SelectionOptions, selectionOf, sequenceOf } from "./dead-selection.ts";
import { withStore } from "./dead-store.ts";
import { type Acting, actOn } from "./dead-work.ts";
import { UsageError } from "./exit.ts";

interface ReadingOptions extends SelectionOptions {
  readonly config: string;
  readonly json: boolean;
}

interface ActingOptions extends SelectionOptions {
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly by?: string;
  readonly why?: string;
}

interface ReplayOptions extends ActingOptions, ReplayLimits {
  readonly config?: string;
  readonly function?: string;
}

/** `dead ls`, `show`, `replay`, `drop` and `export`. */
export function registerDead(program: Command, { env, caller = "unknown" }: CliContext): void {
  const dead = program
    .command("dead")
    .description("Looks at messages that jobs gave up on, and gives them another life.");
  const open = (path: string) => openConfigFile(path, env);

  filtered(configured(dead.command("ls")))
    .description("Lists dead letters, oldest first.")
    .option("--limit <n>", "at most this many", positiveCount, 100)
    .option("--json", "one JSON object a line", false)
    .action((given: ReadingOptions) =>
      withStore(open(given.config), (store) => list(store, selectionOf(given, [], new Date()), given.json)),
    );

  configured(dead.command("show <sequence>"))
    .description("Shows one dead letter: why it died, its headers and its body (--json: in base64).")
    .option("--json", "as a JSON object", false)
    .action((sequence: string, given: ReadingOptions) =>
      withStore(open(given.config), (store) => show(store, sequenceOf(sequence), given.json)),
    );

  acting(dead.command("replay [sequences...]").option("-c, --config <file>", "configuration file (YAML)"))
    .description(
      "Puts dead letters back where they came from, under new ids and with their attempts forgotten, and removes each " +
        "once its stream has confirmed it. Cut off, it goes on where it stopped when it is run again.",
    )
    .option("--max-replays <n>", "leave those alone that were replayed this often already", positiveCount, 3)
    .option("--force", "replay those nevertheless", false)
    .option(
      "--function <name>",
      "call this AWS Lambda function (name or ARN), which reaches the servers, instead of --config",
    )
    .action((sequences: string[], given: ReplayOptions) => {
      const order = orderOf(given, sequences, caller);
      const { maxReplays, force } = given;
      const place = placeOf(given);
      if ("function" in place) return replayThrough(place.function, order, { maxReplays, force });
      return actOn(open(place.config), order, {
        ends: REPLAY_ENDS,
        actionOn: (store) => replayAction(store, { maxReplays, force }, order.dryRun),
      });
    });

  acting(configured(dead.command("drop [sequences...]")))
    .description("Removes dead letters for good.")
    .action((sequences: string[], given: ActingOptions & { readonly config: string }) => {
      const order = orderOf(given, sequences, caller);
      return actOn(open(given.config), order, {
        ends: DROP_ENDS,
        actionOn: (store) => dropAction(store, order.dryRun),
      });
    });

  filtered(configured(dead.command("export [sequences...]")))
    .description("Writes dead letters as JSON lines: where they came from, their headers, their bodies in base64.")
    .option("--limit <n>", "at most this many", positiveCount)
    .option("-o, --output <file>", "write a new file instead of standard output")
    .action((sequences: string[], given: ReadingOptions & { readonly output?: string }) =>
      withStore(open(given.config), (store) =>
        exportAll(store, selectionOf(given, sequences, new Date()), given.output),
      ),
    );
}

function orderOf(given: ActingOptions, sequences: readonly string[], caller: string): Acting {
  const { dryRun, json, by = caller, why } = given;
  return { selection: actingSelectionOf(given, sequences, new Date()), dryRun, json, by, why };
}

/** Who does it: this process with a configuration, or a function, which was packaged with one. */
function placeOf({ config, function: name }: ReplayOptions): { config: string } | { function: string } {
  if (config !== undefined && name !== undefined) {
    throw new UsageError("give --config or --function, but not both: the function has its own configuration");
  }
  if (name !== undefined) return { function: name };
  if (config !== undefined) return { config };
  throw new UsageError("give --config, or --function for a function that reaches the servers");
}

function configured(command: Command): Command {
  return command.requiredOption("-c, --config <file>", "configuration file (YAML)");
}

function filtered(command: Command): Command {
  return command
    .option("--job <name>", "only those of this job")
    .option("--reason <code>", "only those that died of this reason")
    .option("--sender <name>", "only those of this sender")
    .option("--id <id>", "only this message, by the id it had, in all its lives")
    .option("--older-than <span>", "only those that died longer ago, such as 30m or 7d", age)
    .option("--newer-than <span>", "only those that died since then", age);
}

function acting(command: Command): Command {
  return filtered(command)
    .option("--all", "every dead letter, where neither sequences nor filters are given", false)
    .option("--limit <n>", "at most this many", positiveCount)
    .option("--dry-run", "say what would be done, and do nothing", false)
    .option("--by <name>", "who does it, for the audit (default: user@host)")
    .option("--why <text>", "why, for the audit")
    .option("--json", "one JSON object a line", false);
}
