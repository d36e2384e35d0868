import { createLogger } from "../../shared/telemetry/log.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { type BridgeService, runBridge } from "../bridge/run.ts";
import { type OpenConfig, openConfigFile } from "./config-file.ts";
import type { RegisterCommand } from "./context.ts";
import { EXIT } from "./exit.ts";
import { firstSignal } from "./signals.ts";

interface BridgeArguments {
  readonly config: string;
  readonly apply: boolean;
}

export const registerBridge: RegisterCommand = (program, { env }) => {
  program
    .command("bridge")
    .description(
      "Receives Choria messages, validates them and stores the proven ones in JetStream, each confirmed by a PubAck. " +
        "SIGTERM stores what is in hand and ends; SIGHUP reads the trust files again.",
    )
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--apply", "change streams whose settings differ from the configuration, where JetStream allows it", false)
    .action(async ({ config: path, apply }: BridgeArguments) => {
      const opened = openConfigFile(path, env);
      const log = createLogger("bridge", opened.config.log.level);
      const told = firstSignal(); // before anything is received: a stop during the start must not lose it
      const service = await runBridge({ ...opened, apply, log });
      const reload = () => reloadTrust(service, () => openConfigFile(path, env), log);
      process.on("SIGHUP", reload);
      await told;
      process.off("SIGHUP", reload);
      await stopBridge(service, opened.config.bridge.shutdownTimeout, log);
    });
};

/** A reload that fails leaves the old trust in place: a broken file must not open or close the door. */
function reloadTrust(service: BridgeService, open: () => OpenConfig, log: Logger): void {
  try {
    service.reload(open().resolved);
    log.info("trust was read again; what had been proven is forgotten");
  } catch (error) {
    log.error({ err: error }, "trust could not be read again; the old one stays");
  }
}

async function stopBridge(service: BridgeService, deadlineMs: number, log: Logger): Promise<void> {
  log.info("stopping: storing what is in hand");
  const { left, validating } = await service.stop(deadlineMs);
  const unstored = Object.values(left).reduce((sum, count) => sum + count, 0);
  if (unstored + validating === 0) return log.info("stopped; everything accepted is stored");
  const unjudged = validating > 0 ? `, and ${validating} received ones not validated` : "";
  log.error(
    { left, validating },
    `stopped after ${deadlineMs} ms with ${unstored} accepted messages not stored${unjudged}`,
  );
  process.exitCode = EXIT.failed;
}
