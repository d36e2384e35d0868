import { connect } from "node:net";

const TIMEOUT_MS = 1_000;

/** The name the NATS server on this loopback port gives itself in its INFO line; null when none answers. */
export function serverNameAt(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: TIMEOUT_MS });
    const settle = (name: string | null): void => {
      socket.destroy();
      resolve(name);
    };
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString();
      if (received.includes("\r\n")) settle(nameIn(received));
    });
    socket.on("error", () => settle(null));
    socket.on("timeout", () => settle(null));
    socket.on("end", () => settle(null));
  });
}

function nameIn(info: string): string | null {
  return /^INFO .*"server_name":"([^"]*)"/.exec(info)?.[1] ?? null;
}
