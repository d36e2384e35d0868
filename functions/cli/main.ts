import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { matchInLinearTime } from "../../shared/runtime/linear-patterns.ts";
import { COMMANDS } from "./commands.ts";
import { runCli } from "./program.ts";

const LINGER_MS = 500;

matchInLinearTime();

// `inspect … | head` closes our output early: that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const code = await runCli({
  args: process.argv.slice(2),
  version: packageVersion(),
  commands: COMMANDS,
  context: { env: process.env, caller: `${userName()}@${hostname()}` },
  printError: (text) => console.error(text),
});
if (code !== 0) process.exitCode = code;
// The command is over. What still runs is a handler that ignores its signal, and it must not outlive a stop; unref: when
// nothing runs, nothing waits for this.
setTimeout(() => process.exit(), LINGER_MS).unref();

/** A container may run under a number that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

function packageVersion(): string {
  const file = fileURLToPath(import.meta.resolve("choria-bridge/package.json"));
  const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
  const known = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return known ? String(manifest.version) : "unknown";
}
