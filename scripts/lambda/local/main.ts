// Everything that runs in AWS, on this machine: the packaged functions under a Lambda emulator, woken by a schedule and by
// the dispatcher, beside a nats-server and a bridge. Feed it from another terminal with `npx choria-bridge simulate`.
//
//   npm run lambda -- [--for 30s] [--schedule 20s]
import { setTimeout as wait } from "node:timers/promises";
import { Command, Option } from "commander";
import { runBridge } from "../../../functions/bridge/run.ts";
import { timeSpan } from "../../../functions/cli/arguments.ts";
import { openConfigFile } from "../../../functions/cli/config-file.ts";
import { firstSignal } from "../../../functions/cli/signals.ts";
import { openLambda } from "../../../functions/dispatcher/invoking/invoke.ts";
import { runDispatcher } from "../../../functions/dispatcher/service.ts";
import { createLogger } from "../../../shared/telemetry/log.ts";
import { startEmulator } from "./emulator.ts";
import { FUNCTION_PREFIX, startSurroundings } from "./surroundings.ts";
import { LocalView } from "./view.ts";

const FOLDER = ".cache/lambda";
const LINE_EVERY_MS = 1_000;
const STOP_MS = 10_000;

const say = (line: string): void => console.log(line);
const { for: forMs, schedule: scheduleMs } = new Command("npm run lambda --")
  .option("--for <SPAN>", "end by itself after this time, for example 30s", timeSpan)
  .addOption(
    // Faster than in serverless.yml: a person does not wait a minute to see it.
    new Option("--schedule <SPAN>", "how often the schedule wakes the consumer")
      .argParser(timeSpan)
      .default(20_000, "20s"),
  )
  .parse()
  .opts<{ readonly for?: number; readonly schedule: number }>();

const asked = firstSignal();
const { server, configFile, simulate } = await startSurroundings(FOLDER, process.env, say);
try {
  const opened = openConfigFile(configFile, process.env);
  const log = createLogger("lambda", opened.config.log.level);
  const emulator = await startEmulator(configFile, FOLDER, { scheduleMs, say });
  const bridge = await runBridge({ ...opened, apply: true, log });
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const overrides = { endpoint: emulator.endpoint, region: "us-east-1", credentials };
  const openClient = () => openLambda(opened.config.dispatcher.maxTotalInvocations, overrides);
  const dispatcher = await runDispatcher({ ...opened, functionPrefix: FUNCTION_PREFIX, openLambda: openClient, log });
  say(`lambda: ${emulator.endpoint} answers as AWS Lambda; metrics: ${dispatcher.telemetryUrl}/metrics`);
  say(`now send something, in another terminal:  ${simulate}`);
  const view = new LocalView(emulator, () => bridge.bridge.counters, dispatcher.dispatcher);
  const ticker = setInterval(() => say(view.line(performance.now())), LINE_EVERY_MS);
  await (forMs === undefined ? asked : Promise.race([asked, wait(forMs)]));
  clearInterval(ticker);
  say("\nstopping: the bridge first, then what waits is drained");
  await bridge.stop(STOP_MS);
  await view.empty(STOP_MS);
  await dispatcher.stop(STOP_MS);
  await emulator.close();
  say(view.summary());
} finally {
  await server.stop();
}
process.exit(); // a timer of --for may be left
