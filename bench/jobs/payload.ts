import * as z from "zod";

/**
 * What the jobs of the benchmark carry: a node's report of one run, about a kilobyte of JSON, with the kinds of fields that
 * real payloads have (texts, numbers, choices, formats, lists of objects, free-form facts).
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
  address: z.ipv4(),
  classes: z.array(z.string().min(1)).max(1_000),
  agents: z.array(z.object({ name: z.string(), version: z.string(), timeout: z.int().positive() })),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

export type Report = z.output<typeof reportSchema>;

const STATUSES = ["changed", "failed", "unchanged"] as const;
const AGENTS = ["rpcutil", "choria_util", "puppet", "service", "package"];

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
    address: `10.${number % 200}.${(number >> 8) % 200}.17`,
    classes: ["roles::web", "profiles::base", "profiles::monitoring", "ntp", "ssh::server", "choria", "nginx::vhosts"],
    agents: AGENTS.map((name, place) => ({ name, version: `2.${place}.${number % 10}`, timeout: 30 + place })),
    facts: {
      "os.name": "Debian",
      "os.release.full": "12.8",
      kernelrelease: "6.1.0-28-amd64",
      "processors.count": 8,
      "memory.system.total_bytes": 33_656_463_360 - number,
      virtual: "kvm",
      is_virtual: true,
      uptime_seconds: 864_000 + number,
      timezone: "UTC",
    },
  };
}
