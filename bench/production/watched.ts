import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { TrustSettings } from "../../shared/choria/settings.ts";
import { script } from "../child.ts";
import type { Running } from "./scene.ts";

/** What the bridge is started with. */
export interface WatchedTask {
  readonly url: string;
  /** Where the stream is; may be another server. */
  readonly storeUrl: string;
  readonly stream: string;
  readonly trust: TrustSettings;
  readonly signedAtMs: number;
}

/** What the bridge says of itself when it has stopped. */
export interface WatchedReport {
  readonly received: number;
  readonly validated: number;
  readonly rejected: number;
  /** Shed before validation. */
  readonly overload: number;
  readonly stored: number;
  readonly duplicate: number;
  /** Proven and given up, for whatever reason. */
  readonly shed: number;
  /** On the connection it receives by: what was sent meanwhile is lost. */
  readonly ingestDisconnects: number;
  /** Not stored when it had to end. */
  readonly left: number;
  readonly cpuSeconds: number;
  /** Once a second. */
  readonly memory: readonly MemorySample[];
}

/** Bytes, as `process.memoryUsage()` tells them; with how many messages had been received by then. */
export interface MemorySample {
  readonly received: number;
  /** Resident set. */
  readonly rss: number;
  readonly heapTotal: number;
  readonly heapUsed: number;
  /** Array buffers and what else is reported to V8. */
  readonly external: number;
  readonly arrayBuffers: number;
}

/** The bridge in a process of its own. */
export class WatchedBridge implements Running<WatchedReport> {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves once it is receiving. */
  static async start(task: WatchedTask): Promise<WatchedBridge> {
    const child = fork(script("production/watched-bridge"), [JSON.stringify(task)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    await Promise.race([once(child, "message"), once(child, "exit").then(() => fail("before it received"))]);
    return new WatchedBridge(child);
  }

  /** CPU time counts from now. */
  mark(): void {
    this.#child.send("mark");
  }

  /** Resolves with what it says once it has stored what it had. */
  async stop(): Promise<WatchedReport> {
    const report = once(this.#child, "message");
    const exit = once(this.#child, "exit").then(() => fail("without a report"));
    this.#child.send("stop");
    const [message] = await Promise.race([report, exit]);
    return message as WatchedReport;
  }
}

function fail(when: string): never {
  throw new Error(`the bridge ended ${when}`);
}
