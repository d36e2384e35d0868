import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as setTimeoutPromise } from "node:timers/promises";

/** A TCP proxy in front of a server, whose connections can be cut without anybody being told, or slowed down. */
export class FaultyProxy {
  readonly #server: Server;
  readonly #target: number;
  readonly #pairs = new Set<Pair>();
  #delayMs = 0;
  #isCut = false;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    server.on("connection", (socket) => this.#accept(socket));
  }

  /** Between whoever connects to its `url` and the loopback port `target`; gone with the test. */
  static async start(t: Pick<TestContext, "after">, target: number): Promise<FaultyProxy> {
    const server = createServer();
    const proxy = new FaultyProxy(server, target);
    server.listen({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    t.after(() => proxy.#close());
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return `nats://127.0.0.1:${address.port}`;
  }

  /**
   * From now on whatever its connections carry is swallowed, in both directions, while they stay open: a peer behind a
   * firewall that forgot them. Connections made later work. Returns how many were cut.
   */
  swallow(): number {
    for (const pair of this.#pairs) pair.swallows = true;
    return this.#pairs.size;
  }

  /** Closes every connection and takes no other until `mend`. */
  cut(): void {
    this.#isCut = true;
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  mend(): void {
    this.#isCut = false;
  }

  /** Every byte is on its way for so long, in each direction. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  #accept(near: Socket): void {
    if (this.#isCut) {
      near.destroy();
      return;
    }
    const far = connect({ host: "127.0.0.1", port: this.#target, noDelay: true });
    near.setNoDelay(true);
    const pair: Pair = { near, far, swallows: false };
    this.#pairs.add(pair);
    this.#carry(pair, near, far);
    this.#carry(pair, far, near);
  }

  #carry(pair: Pair, from: Socket, to: Socket): void {
    // In one line, whatever the delay was when each came: bytes must not overtake each other.
    let line: Promise<unknown> = Promise.resolve();
    const later = (deliver: () => void): void => {
      const dueAt = performance.now() + this.#delayMs;
      line = line.then(() => wait(dueAt - performance.now())).then(deliver);
    };
    from.on("data", (chunk) => {
      if (!pair.swallows) later(() => to.write(chunk));
    });
    from.on("error", () => {}); // followed by "close"
    from.on("close", () => {
      if (pair.swallows) return; // the other side is not told
      later(() => to.destroy());
      this.#pairs.delete(pair);
    });
  }

  #close(): void {
    this.#server.close();
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }
}

/** At once when nothing is to be waited for: a timer takes a millisecond at least. */
function wait(ms: number): Promise<void> | void {
  return ms > 0 ? setTimeoutPromise(ms) : undefined;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  swallows: boolean;
}
