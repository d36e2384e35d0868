import { Command, CommanderError } from "commander";
import { ConfigError } from "../../shared/config/problem.ts";
import type { CommandEntry } from "./commands.ts";
import type { CliContext } from "./context.ts";
import { EXIT, EXIT_HELP, UsageError } from "./exit.ts";

export interface CliRun {
  /** Without node and the script. */
  readonly args: readonly string[];
  readonly version: string;
  readonly commands: readonly CommandEntry[];
  readonly context: CliContext;
  readonly printError: (text: string) => void;
}

/** Runs one command and returns the exit code it failed with; 0 leaves a code the command set itself alone. */
export async function runCli(run: CliRun): Promise<number> {
  try {
    const program = makeProgram(run);
    await addCommands(program, run);
    await program.parseAsync([...run.args], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return report(error, run);
  }
}

function makeProgram({ version, printError }: CliRun): Command {
  return new Command("choria-bridge")
    .description("Proves who sent each Choria message, stores it in NATS JetStream and republishes it.")
    .version(version, "-V, --version", "show the version")
    .helpOption("-h, --help", "show this help")
    .option("--verbose", "show where an unexpected error comes from")
    .addHelpText("afterAll", EXIT_HELP)
    .showHelpAfterError("(--help shows what can be given)")
    .exitOverride()
    .configureOutput({ writeErr: (text) => printError(text.trimEnd()) });
}

/** The command that is called in full, every other one as its line of help. */
async function addCommands(program: Command, { args, commands, context }: CliRun): Promise<void> {
  const called = commands.filter(({ name }) => args.includes(name));
  // A set: one module may register several commands.
  for (const register of new Set(await Promise.all(called.map(({ load }) => load())))) register(program, context);
  for (const { name, summary } of commands) {
    const registered = program.commands.find((command) => command.name() === name);
    (registered ?? program.command(name).description(summary)).summary(summary);
  }
}

function report(error: unknown, { args, printError }: CliRun): number {
  // The parser has printed its own message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (!(error instanceof Error)) {
    printError(`choria-bridge: ${String(error)}`);
    return EXIT.failed;
  }
  const usage = error instanceof ConfigError || error instanceof UsageError;
  if (error instanceof ConfigError)
    printError(error.message); // a list of problems, each with its file
  else printError(args.includes("--verbose") ? (error.stack ?? error.message) : `choria-bridge: ${error.message}`);
  return usage ? EXIT.usage : EXIT.failed;
}
