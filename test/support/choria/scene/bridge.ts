import { type RunningBridge, startBridgeProcess } from "../../bridge-process.ts";

export interface ObservedBridge extends RunningBridge {
  metrics(): Promise<string>;
  /** Whether `/readyz` says so, and the reasons it gives. */
  readiness(): Promise<{ readonly ready: boolean; readonly reasons: string }>;
}

/** Runs the bridge on a configuration file with `bridge.http.port: 0`; resolves once it receives. */
export async function startBridge(
  t: { after(cleanUp: () => Promise<void>): void },
  file: string,
): Promise<ObservedBridge> {
  const bridge = await startBridgeProcess(t, file);
  return {
    ...bridge,
    metrics: async () => (await fetch(`${bridge.telemetryUrl}/metrics`)).text(),
    readiness: async () => {
      const answer = await fetch(`${bridge.telemetryUrl}/readyz`);
      return { ready: answer.ok, reasons: await answer.text() };
    },
  };
}
