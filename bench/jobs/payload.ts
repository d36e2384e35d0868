import * as z from "zod";

/**
 * What the jobs of the benchmark carry: a node's report of one run, about a kilobyte of JSON with fifteen fields (formats,
 * choices, numbers, a nested object, a list) and the end of its log. Parsing and checking cost what they cost for the kind
 * of payload that a queue mostly sees; a much richer document costs more, a blob less, whatever the queue.
 */
export const reportSchema = z.object({
  run: z.uuid(),
  identity: z.string().min(1).max(255),
  collective: z.string().regex(/^[A-Za-z0-9_-]+$/),
  environment: z.enum(["production", "staging", "development"]),
  status: z.enum(["changed", "failed", "unchanged"]),
  startedAt: z.iso.datetime(),
  seconds: z.number().nonnegative(),
  noop: z.boolean(),
  resources: z.object({
    total: z.int().nonnegative(),
    changed: z.int().nonnegative(),
    failed: z.int().nonnegative(),
    skipped: z.int().nonnegative(),
  }),
  roles: z.array(z.string().min(1)).max(100),
  log: z.string().max(65_536),
});

export type Report = z.output<typeof reportSchema>;

const STATUSES = ["changed", "failed", "unchanged"] as const;
const LOG_LINES = [
  "Info: Using environment 'production'",
  "Info: Retrieving pluginfacts",
  "Info: Loading facts",
  "Info: Caching catalog for the node; configuration version 1790000000",
  "Notice: /Stage[main]/Profiles::Base/Package[curl]/ensure: ensure changed '7.88.0' to '7.88.1'",
  "Notice: /Stage[main]/Profiles::Base/File[/etc/motd]/content: content changed",
  "Notice: /Stage[main]/Nginx::Vhosts/Exec[reload]: Triggered 'refresh' from 2 events",
  "Notice: /Stage[main]/Ntp/Service[chrony]/ensure: ensure changed 'stopped' to 'running'",
  "Warning: /Stage[main]/Profiles::Monitoring: the agent's certificate ends within thirty days",
];

/** The report with that number: no two are equal. */
export function makeReport(number: number): Report {
  return {
    run: `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`,
    identity: `node${number % 1_000}.dc${number % 7}.fleet.example`,
    collective: "mcollective",
    environment: "production",
    status: STATUSES[number % STATUSES.length] ?? "changed",
    startedAt: new Date(1_790_000_000_000 + number).toISOString(),
    seconds: 12.5 + (number % 100) / 10,
    noop: false,
    resources: { total: 812, changed: number % 13, failed: number % 3, skipped: 4 },
    roles: ["web", "base", "monitoring", "ntp"],
    log: `${LOG_LINES.join("\n")}\nNotice: Applied catalog ${number} in 12.50 seconds`,
  };
}
