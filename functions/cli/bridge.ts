import { createLogger } from "../../shared/telemetry/log.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { type BridgeService, runBridge } from "../bridge/run.ts";
import { TrustWatch } from "../bridge/trust/watch.ts";
import { openConfigFile } from "./config-file.ts";
import type { RegisterCommand } from "./context.ts";
import { EXIT } from "./exit.ts";
import { firstSignal, HangUp } from "./signals.ts";
import { TrustSource } from "./trust-source.ts";

interface BridgeArguments {
  readonly config: string;
  readonly apply: boolean;
}

export const registerBridge: RegisterCommand = (program, { env }) => {
  program
    .command("bridge")
    .description(
      "Receives Choria messages, validates them and stores the proven ones in JetStream, each confirmed by a PubAck. " +
        "SIGTERM stores what is in hand and ends; SIGHUP reads trust and its files again, as does a change of a file.",
    )
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--apply", "change streams whose settings differ from the configuration, where JetStream allows it", false)
    .action(async ({ config: path, apply }: BridgeArguments) => {
      const opened = openConfigFile(path, env);
      const log = createLogger("bridge", opened.config.log.level);
      const told = firstSignal(); // before anything is received: a stop during the start must not lose it
      const hangUp = new HangUp(); // nor may a reload during the start end the process, or be forgotten
      const service = await runBridge({ ...opened, apply, log });
      const source = new TrustSource(path, env, opened.config);
      hangUp.listen(() => {
        if (service.reload(() => source.readSection(), "SIGHUP") !== "refused") source.keep();
      });
      const watch = watchTrust(service, source, opened.config.trust.watch);
      await told;
      hangUp.ignore();
      await watch?.stop();
      await stopBridge(service, opened.config.bridge.shutdownTimeout, log);
    });
};

/** Null when only SIGHUP is to read trust again. */
function watchTrust(service: BridgeService, source: TrustSource, everyMs: number): TrustWatch | null {
  if (everyMs === 0) return null;
  const onChange = () => void service.reload(() => source.readFiles(), "a trust file changed");
  return new TrustWatch({ paths: () => source.paths, onChange, everyMs });
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
