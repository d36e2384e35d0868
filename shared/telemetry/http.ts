import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export interface Readiness {
  readonly ready: boolean;
  /** Why not, one line each; empty when ready. */
  readonly reasons: readonly string[];
  /** What will go wrong unless somebody acts, one line each; does not make it unready. */
  readonly warnings?: readonly string[];
}

export interface TelemetryServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `/healthz` (the process answers), `/readyz` (200 or 503 with the reasons) and `/metrics` (Prometheus text). */
export async function startTelemetry(
  address: { readonly host: string; readonly port: number },
  registry: Registry,
  readiness: () => Readiness,
): Promise<TelemetryServer> {
  const server = createServer((request, response) => {
    answer(request.url ?? "", registry, readiness).then(
      ({ status, type, body }) => response.writeHead(status, { "content-type": type }).end(body),
      (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
    );
  });
  await listen(server, address);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${address.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function answer(url: string, registry: Registry, readiness: () => Readiness): Promise<Answer> {
  switch (url.split("?")[0]) {
    case "/healthz":
      return { status: 200, type: "text/plain", body: "ok\n" };
    case "/readyz": {
      const { ready, reasons, warnings = [] } = readiness();
      const lines = [...(ready ? ["ready"] : reasons), ...warnings.map((warning) => `warning: ${warning}`)];
      return { status: ready ? 200 : 503, type: "text/plain", body: `${lines.join("\n")}\n` };
    }
    case "/metrics":
      return { status: 200, type: registry.contentType, body: await registry.metrics() };
    default:
      return { status: 404, type: "text/plain", body: "try /healthz, /readyz or /metrics\n" };
  }
}

function listen(server: Server, address: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(new Error(unusable(address, cause), { cause })));
    server.listen(address.port, address.host, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
}

function unusable({ host, port }: { readonly host: string; readonly port: number }, cause: Error): string {
  const taken = "code" in cause && cause.code === "EADDRINUSE";
  const reason = taken ? "another process uses that port" : cause.message;
  return `cannot serve health and metrics on ${host}:${port}: ${reason}; set another http.port, or 0 for a free one`;
}
