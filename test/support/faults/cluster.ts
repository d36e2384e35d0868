import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type { JetStreamManager, StreamInfo } from "nats";
import { freePort } from "../../../shared/nats-server/port.ts";
import { eventually } from "../eventually.ts";
import { startNats, type TestNats } from "../nats.ts";

const NODES = 3;
/** An election takes seconds, and a node that was away longer still catches up behind everything that was stored. */
const HEALTHY_TIMEOUT_MS = 90_000;

interface Node {
  readonly name: string;
  readonly nats: TestNats;
}

/** Three servers that hold every replicated stream three times. */
export class Cluster {
  readonly #nodes: readonly Node[];

  private constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  /** Resolves once JetStream answers; gone with the test. */
  static async start(t: Pick<TestContext, "after">): Promise<Cluster> {
    const ports = await Promise.all(Array.from({ length: NODES }, freePort));
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(", ");
    const id = randomUUID();
    const nodes = ports.map(async (port, index): Promise<Node> => {
      const name = `${id}-${index}`;
      const config = `cluster { name: "${id}", listen: "127.0.0.1:${port}", routes: [${routes}] }\n`;
      return { name, nats: await startNats(t, { name, config }) };
    });
    const cluster = new Cluster(await Promise.all(nodes));
    await cluster.#ready();
    return cluster;
  }

  get urls(): readonly string[] {
    return this.#nodes.map(({ nats }) => nats.url);
  }

  get serverVersion(): string {
    return this.#nodes[0]?.nats.serverVersion ?? "";
  }

  /** SIGKILL for the server that leads the stream; starts it again after `awayMs`. */
  async killLeader(jsm: JetStreamManager, stream: string, awayMs: number): Promise<void> {
    const { cluster } = await jsm.streams.info(stream);
    const leader = this.#nodes.find(({ name }) => name === cluster?.leader);
    if (leader === undefined) throw new Error(`stream ${stream} has no leader`);
    await leader.nats.server.kill("SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, awayMs));
    await leader.nats.server.restart();
  }

  /** Resolves once every copy of the stream is on a server that is there and has caught up. */
  async current(jsm: JetStreamManager, stream: string): Promise<void> {
    await eventually(
      async () => {
        const behind = missingCopies(await jsm.streams.info(stream));
        if (behind !== null) throw new Error(`stream ${stream}: ${behind}`);
      },
      { timeoutMs: HEALTHY_TIMEOUT_MS },
    );
  }

  /** A stream can be made once the servers have elected who leads them all. */
  async #ready(): Promise<void> {
    const [first] = this.#nodes;
    if (first === undefined) throw new Error("a cluster of no servers");
    const connection = await first.nats.connect();
    const probe = { name: "PROBE", subjects: ["probe"], num_replicas: NODES };
    await eventually(
      async () => {
        const jsm = await connection.jetstreamManager();
        await jsm.streams.add(probe);
        await jsm.streams.delete(probe.name);
      },
      { timeoutMs: HEALTHY_TIMEOUT_MS },
    );
  }
}

function missingCopies({ cluster }: StreamInfo): string | null {
  if (cluster?.leader === undefined || cluster.leader === "") return "no leader";
  const replicas = cluster.replicas ?? [];
  if (replicas.length < NODES - 1) return `${replicas.length + 1} copies`;
  const behind = replicas.filter(({ current, offline }) => !current || offline === true);
  return behind.length === 0 ? null : `${behind.length} copies behind`;
}
