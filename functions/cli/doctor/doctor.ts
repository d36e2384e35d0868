import { createTrust } from "../../../shared/choria/trust.ts";
import { type CommandConnections, withConnections } from "../command-connections.ts";
import { type OpenConfig, openConfigFile } from "../config-file.ts";
import type { RegisterCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { examineConnection } from "./connections.ts";
import { credentialLines } from "./credentials.ts";
import { examineIngests } from "./ingests.ts";
import { type Line, linesText } from "./line.ts";
import { examineQueues } from "./queues.ts";
import { examineTopology } from "./topology.ts";

interface DoctorArguments {
  readonly config: string;
  readonly json: boolean;
}

/** `choria-bridge doctor`: looks at everything a configuration rests on, and changes nothing. */
export const registerDoctor: RegisterCommand = (program, { env }) => {
  program
    .command("doctor")
    .description(
      "Checks connections, clocks, versions, limits, credentials, their expiry and what they may, streams, consumers and " +
        "queues, and says what to do about what is not in order. Changes nothing. Exit code 1 when something failed.",
    )
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--json", "print { ok, lines } as JSON", false)
    .action(async ({ config, json }: DoctorArguments) => {
      const opened = openConfigFile(config, env);
      const lines = await withConnections(opened, "doctor", (connections) => examine(opened, connections));
      const healthy = lines.every(({ level }) => level !== "fail");
      console.log(json ? JSON.stringify({ ok: healthy, lines }, null, 2) : linesText(lines));
      if (!healthy) process.exitCode = EXIT.failed;
    });
};

async function examine(opened: OpenConfig, connections: CommandConnections): Promise<readonly Line[]> {
  const { config, resolved } = opened;
  const names = Object.keys(config.connections);
  const found = await Promise.all(names.map((name) => examineConnection(opened, connections, name)));
  const reachable = new Set(found.filter((finding) => finding.reachable).map(({ name }) => name));
  const usable = new Set(found.filter((finding) => finding.usable).map(({ name }) => name));
  return [
    ...found.flatMap(({ lines }) => lines),
    ...credentialLines(resolved.connections, createTrust(resolved.trust), Date.now()),
    ...(await examineIngests(config, connections, reachable)),
    ...(await examineTopology(config, connections, usable)),
    ...(await examineQueues(config, connections, usable)),
  ];
}
