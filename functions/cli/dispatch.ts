import type { LambdaClient } from "@aws-sdk/client-lambda";
import { createLogger } from "../../shared/telemetry/log.ts";
import { openLambda } from "../dispatcher/invoking/invoke.ts";
import { runDispatcher } from "../dispatcher/service.ts";
import { openConfigFile } from "./config-file.ts";
import type { RegisterCommand } from "./context.ts";
import { UsageError } from "./exit.ts";
import { firstSignal } from "./signals.ts";

const NO_PREFIX =
  "dispatcher.functionPrefix is not set: set it to service and stage of the deployment, as in choria-bridge-prod-";

/** `choria-bridge dispatch`: wakes the jobs' functions until it is told to stop. */
export const registerDispatch: RegisterCommand = (program, { env }) => {
  program
    .command("dispatch")
    .description(
      "Watches the queues of the jobs and invokes their AWS Lambda functions while messages wait. SIGTERM starts nothing " +
        "more and waits a moment for running drains. Region, credentials and endpoint come from where AWS's own programs " +
        "take them: the environment, ~/.aws, the container or the instance.",
    )
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .action(async ({ config: path }: { readonly config: string }) => {
      const opened = openConfigFile(path, env);
      if (Object.keys(opened.config.jobs).length === 0) throw new UsageError("the configuration has no jobs");
      const { functionPrefix, maxTotalInvocations, shutdownTimeout } = opened.config.dispatcher;
      // Guessed, a dispatcher of one stage would wake the functions of another.
      if (functionPrefix === undefined) throw new UsageError(NO_PREFIX);
      const log = createLogger("dispatcher", opened.config.log.level);
      const told = firstSignal();
      const service = await runDispatcher({
        ...opened,
        functionPrefix,
        openLambda: () => openClient(maxTotalInvocations),
        log,
      });
      await told;
      const left = await service.stop(shutdownTimeout);
      log.info({ left }, left === 0 ? "stopped" : "stopped; the drains that run still end by themselves");
    });
};

async function openClient(sockets: number): Promise<LambdaClient> {
  try {
    return await openLambda(sockets);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`no AWS region is known (${reason}): set AWS_REGION, or region in ~/.aws/config`, { cause });
  }
}
