import assert from "node:assert/strict";
import { type CliProcess, startCli } from "./cli.ts";
import { eventually } from "./eventually.ts";

export type RunningBridge = CliProcess & { readonly telemetryUrl: string };

/** `choria-bridge bridge` as a process of its own, once it receives; killed with the test. */
export async function startBridgeProcess(
  t: { after(cleanUp: () => Promise<void>): void },
  file: string,
  args: readonly string[] = [],
): Promise<RunningBridge> {
  const started = startCli(["bridge", "--config", file, ...args]);
  t.after(async () => {
    started.child.kill("SIGKILL");
    await started.ended;
  });
  const found = await eventually(
    () => {
      const match = /"telemetry":"([^"]+)".*the bridge is receiving/.exec(started.output.stderr);
      assert.ok(match, started.output.stderr);
      return match;
    },
    { timeoutMs: 60_000 },
  );
  return { ...started, telemetryUrl: found[1] ?? "" };
}
