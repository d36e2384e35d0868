import type { Command } from "commander";
import { age, positiveCount } from "./arguments.ts";
import { openConfigFile } from "./config-file.ts";
import type { CliContext } from "./context.ts";
import { dropAll } from "./dead-drop.ts";
import { exportAll, list, show } from "./dead-list.ts";
import { type ReplayArguments, replayAll } from "./dead-replay.ts";
import { type Selection, sequenceOf } from "./dead-selection.ts";
import { withDeadLetters } from "./dead-store.ts";
import type { Acting } from "./dead-work.ts";

interface Reading extends Selection {
  readonly config: string;
  readonly json: boolean;
}

/** As the options come; `by` is filled in. */
type Given<T extends Acting> = Omit<T, "by" | "sequences"> & { readonly config: string; readonly by?: string };

/** `dead ls`, `show`, `replay`, `drop` and `export`. */
export function registerDead(program: Command, { env, caller = "unknown" }: CliContext): void {
  const dead = program
    .command("dead")
    .description("Looks at messages that jobs gave up on, and gives them another life.");
  const open = (path: string) => openConfigFile(path, env);

  filtered(dead.command("ls"))
    .description("Lists dead letters, oldest first.")
    .option("--limit <n>", "at most this many", positiveCount, 100)
    .option("--json", "one JSON object a line", false)
    .action((given: Reading) => withDeadLetters(open(given.config), (store) => list(store, given)));

  dead
    .command("show <sequence>")
    .description("Shows one dead letter: why it died, its headers and its body (--json: in base64).")
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--json", "as a JSON object", false)
    .action((sequence: string, given: Reading) =>
      withDeadLetters(open(given.config), (store) => show(store, sequenceOf(sequence), given.json)),
    );

  acting(dead.command("replay [sequences...]"))
    .description(
      "Puts dead letters back where they came from, under new ids and with their attempts forgotten, and removes each " +
        "once its stream has confirmed it. Cut off, it goes on where it stopped when it is run again.",
    )
    .option("--max-replays <n>", "leave those alone that were replayed this often already", positiveCount, 3)
    .option("--force", "replay those nevertheless", false)
    .action((sequences: string[], given: Given<Acting & ReplayArguments>) =>
      withDeadLetters(open(given.config), (store) =>
        replayAll(store, { ...given, by: given.by ?? caller, sequences: sequences.map(sequenceOf) }),
      ),
    );

  acting(dead.command("drop [sequences...]"))
    .description("Removes dead letters for good.")
    .action((sequences: string[], given: Given<Acting>) =>
      withDeadLetters(open(given.config), (store) =>
        dropAll(store, { ...given, by: given.by ?? caller, sequences: sequences.map(sequenceOf) }),
      ),
    );

  filtered(dead.command("export [sequences...]"))
    .description("Writes dead letters as JSON lines: where they came from, their headers, their bodies in base64.")
    .option("--limit <n>", "at most this many", positiveCount)
    .option("-o, --output <file>", "write a new file instead of standard output")
    .action((sequences: string[], given: Reading & { readonly output?: string }) =>
      withDeadLetters(open(given.config), (store) =>
        exportAll(store, { ...given, sequences: sequences.map(sequenceOf) }),
      ),
    );
}

function filtered(command: Command): Command {
  return command
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
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
    .option("--json", "one JSON object a line", false);
}
