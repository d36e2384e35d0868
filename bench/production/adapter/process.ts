import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { collectOutput, spawnBound } from "../../../shared/nats-server/bound-child.ts";
import { freePort } from "../../../shared/nats-server/port.ts";
import { makeStream, type Place, readEnvelopes, storedAtLast } from "../place.ts";
import type { Contender, Running } from "../scene.ts";
import { type AdapterMetrics, readMetrics } from "./metrics.ts";
import { securityLines } from "./security.ts";
import { adapterConf } from "./settings.ts";

/** What go-choria's adapter says of itself at the end. */
export interface AdapterReport {
  /** Since the mark. */
  readonly cpuSeconds: number;
  /** Taken off the subject and understood. */
  readonly received: number;
  readonly errors: number;
}

/** By default ten receive and ten publish. */
const CONNECTIONS = 20;
const LOOK_EVERY_MS = 50;
const READY_LIMIT_MS = 60_000;
/** Longer than go-choria ever waits before it redials. */
const BACK_LIMIT_MS = 30_000;
const STOP_GRACE_MS = 5_000;

/** go-choria's adapter in a process of its own, by Choria's program. */
export function adapterContender(program: string, cacheDir: string): Contender<AdapterReport> {
  return {
    async start(place, { protocol, url }) {
      await makeStream(place);
      const folder = await mkdtemp(join(tmpdir(), "choria-bridge-bench-adapter-"));
      const [statsPort, logFile] = [await freePort(), join(folder, "adapter.log")];
      const security = await securityLines(protocol, cacheDir, folder);
      await writeFile(confIn(folder), adapterConf({ url, place, logFile, statsPort, security }));
      const adapter = new AdapterProcess(program, { folder, logFile, statsPort, place });
      await adapter.ready();
      return adapter;
    },
    readStored: readEnvelopes,
  };
}

const confIn = (folder: string): string => join(folder, "broker.conf");

interface AdapterPlace {
  readonly folder: string;
  readonly logFile: string;
  readonly statsPort: number;
  readonly place: Place;
}

class AdapterProcess implements Running<AdapterReport> {
  readonly #child: ChildProcess;
  readonly #output: () => string;
  readonly #at: AdapterPlace;
  #marked: Promise<AdapterMetrics>;

  constructor(program: string, at: AdapterPlace) {
    // Its home folder, where it looks for settings too, has none.
    const env = { ...process.env, HOME: at.folder, XDG_CONFIG_HOME: at.folder };
    this.#child = spawnBound(program, ["broker", "run", "--config", confIn(at.folder)], { env });
    this.#output = collectOutput(this.#child);
    this.#at = at;
    this.#marked = Promise.resolve(NOTHING);
  }

  /** Resolves once all its connections are made; it subscribes as soon as it has one. */
  async ready(): Promise<void> {
    const { statsPort, logFile } = this.#at;
    for (const deadline = Date.now() + READY_LIMIT_MS; ; await wait(LOOK_EVERY_MS)) {
      const { connected } = await readMetrics(statsPort).catch(() => NOTHING); // it does not listen yet
      if (connected === CONNECTIONS) return;
      if (this.#child.exitCode === null && Date.now() < deadline) continue;
      this.#child.kill("SIGKILL");
      const log = await readFile(logFile, "utf8").catch(() => "");
      throw new Error(
        `go-choria's adapter made ${connected} of ${CONNECTIONS} connections:\n${this.#output()}\n${log}`,
      );
    }
  }

  mark(): void {
    this.#marked = readMetrics(this.#at.statsPort);
  }

  async stop(): Promise<AdapterReport> {
    const { statsPort, place, folder } = this.#at;
    await this.#back();
    await storedAtLast(place);
    const [before, { cpuSeconds, received, errors }] = [await this.#marked, await readMetrics(statsPort)];
    await this.#end();
    await rm(folder, { recursive: true, force: true });
    return { cpuSeconds: cpuSeconds - before.cpuSeconds, received, errors };
  }

  /** Resolves when every connection that broke is there again: what is buffered for it is sent then. */
  async #back(): Promise<void> {
    for (const deadline = Date.now() + BACK_LIMIT_MS; Date.now() < deadline; await wait(LOOK_EVERY_MS)) {
      const log = await readFile(this.#at.logFile, "utf8");
      if (occurrences(log, BROKEN) <= occurrences(log, REPAIRED)) return;
    }
  }

  async #end(): Promise<void> {
    const gone = once(this.#child, "exit");
    const force = setTimeout(() => this.#child.kill("SIGKILL"), STOP_GRACE_MS);
    this.#child.kill("SIGTERM");
    await gone;
    clearTimeout(force);
  }
}

const NOTHING: AdapterMetrics = { cpuSeconds: 0, received: 0, errors: 0, connected: 0 };
/** Warnings of choria/connection.go. */
const BROKEN = "NATS client connection got disconnected";
const REPAIRED = "NATS client reconnected after a previous disconnection";

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}
