import assert from "node:assert/strict";
import { stringify } from "yaml";
import { parseConfig } from "../../shared/config/load.ts";
import { ConfigError, type ConfigProblem } from "../../shared/config/problem.ts";
import type { Config } from "../../shared/config/schema.ts";

type Section = Readonly<Record<string, unknown>>;

/** A complete, valid configuration as plain values, sections of it replaced. */
export function makeConfigValue(overrides: Section = {}): Section {
  return {
    connections: { main: { servers: ["nats://localhost:4222"] } },
    trust: { v1: { ca: "ca.pem", nodes: ["\\.example\\.net$"] }, v2: { issuers: { choria: "ab".repeat(32) } } },
    ingest: {
      reg: {
        connection: "main",
        subject: "mcollective.broadcast.agent.registration",
        kind: "registration",
        to: ["inventory"],
      },
    },
    streams: {
      inventory: { connection: "main", subject: "choria.reg.{sender}" },
      nodes: { connection: "main", subject: "nodes.{sender}", retention: "limits" },
    },
    jobs: { republish: { stream: "inventory", sink: "nodes" } },
    sinks: { nodes: { type: "jetstream", to: "nodes" } },
    ...overrides,
  };
}

export function parseValue(value: unknown): Config {
  return parseConfig(stringify(value), "test.yaml", {});
}

/** The problems found; none when it is accepted. */
export function problemsOf(parse: () => unknown): readonly ConfigProblem[] {
  try {
    parse();
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
}

/** One job that republishes from work queue `in` to stream `out`, over one connection, as a user would write it. */
export function republishing(connection: object): object {
  return {
    connections: { main: connection },
    trust: { v2: { trustedSigners: ["ab".repeat(32)] } },
    streams: {
      in: { connection: "main", subject: "in.{sender}", allowUnprovenSender: true },
      out: { connection: "main", subject: "out.{sender}", retention: "limits", allowUnprovenSender: true },
    },
    jobs: { work: { stream: "in", sink: "out" } },
    sinks: { out: { type: "jetstream", to: "out" } },
  };
}
