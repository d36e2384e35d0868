import { stringify } from "yaml";

export interface DemoSettings {
  readonly servers: readonly string[];
  readonly collective: string;
  /** The `trust` section, as it is to be written. */
  readonly trust: object;
}

const HEAD = `# Written by "choria-bridge start": what the demo runs on. Look at it with all its defaults:
#   choria-bridge config show THIS-FILE
# For real nodes copy it, put your CA or issuer under "trust", and run
#   choria-bridge start --config YOUR-FILE
`;

/** Names the demo uses in its configuration. */
export const DEMO = {
  ingest: "registrations",
  stream: "registrations",
  job: "republish",
  target: "inventory",
} as const;

/** The configuration of the demo, YAML: registrations into a work queue, one job that republishes them. */
export function demoConfig({ servers, collective, trust }: DemoSettings): string {
  const config = {
    connections: { demo: { servers } },
    trust,
    ingest: {
      [DEMO.ingest]: {
        connection: "demo",
        subject: `${collective}.broadcast.agent.registration`,
        kind: "registration",
        to: [DEMO.stream],
      },
    },
    streams: {
      [DEMO.stream]: {
        connection: "demo",
        name: "CHORIA_REGISTRATIONS",
        subject: "choria.registration.{sender}",
        retention: "workqueue",
      },
      [DEMO.target]: {
        connection: "demo",
        name: "CHORIA_INVENTORY",
        subject: "choria.inventory.{sender}",
        retention: "limits",
        discard: "old",
        maxMessagesPerSubject: 5,
      },
    },
    jobs: { [DEMO.job]: { stream: DEMO.stream, sink: DEMO.target } },
    sinks: { [DEMO.target]: { type: "jetstream", to: DEMO.target } },
    bridge: { http: { port: 0 } },
    worker: { http: { port: 0 } },
    log: { level: "error" }, // rejections stand in the live view; their log lines would be written across it
  };
  return `${HEAD}\n${stringify(config, { lineWidth: 0 })}`;
}
