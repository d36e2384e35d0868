import { between, hex, pick, type Random, randomBase64 } from "./random.ts";

/** Facts of a simulated node in Facter's shape: what seldom changes here, what changes with every report in `liveFacts`. */

const ROLES = ["web", "db", "cache", "queue", "worker", "build"] as const;
const SITES = ["ams1", "fra2", "waw1"] as const;
const RELEASES = [
  { family: "Debian", name: "Debian", major: "12", full: "12.8", codename: "bookworm", kernel: "6.1.0-27-amd64" },
  { family: "Debian", name: "Ubuntu", major: "24.04", full: "24.04", codename: "noble", kernel: "6.8.0-49-generic" },
  { family: "RedHat", name: "AlmaLinux", major: "9", full: "9.5", codename: "Teal", kernel: "5.14.0-503.el9.x86_64" },
] as const;
const PACKAGES = "libc6 openssl openssh-server systemd curl zlib1g nginx postgresql redis rsyslog chrony sudo".split(
  " ",
);
const GIB = 1_073_741_824;

const address = (random: Random) =>
  `10.${between(random, 0, 255)}.${between(random, 0, 255)}.${between(random, 2, 254)}`;
const mac = (random: Random) => `52:54:00:${[1, 2, 3].map(() => hex(random, 2)).join(":")}`;
const uuid = (random: Random) => [8, 4, 4, 4, 12].map((digits) => hex(random, digits)).join("-");

/** Few nodes carry far more than the rest: most hold some dozen packages in their facts, one in twenty some hundreds. */
function packageCount(random: Random): number {
  return random() < 0.05 ? between(random, 1_100, 1_450) : between(random, 130, 420);
}

function packages(random: Random): Record<string, string> {
  const version = () => `${between(random, 0, 9)}.${between(random, 0, 40)}.${between(random, 0, 20)}`;
  return Object.fromEntries(
    Array.from({ length: packageCount(random) }, (_, place) => [
      PACKAGES[place] ?? `lib${hex(random, between(random, 3, 8))}`,
      `${version()}-${between(random, 1, 9)}+deb12u${between(random, 1, 9)}`,
    ]),
  );
}

function sshKey(random: Random, bytes: number) {
  return {
    fingerprints: { sha1: `SSHFP 1 1 ${hex(random, 40)}`, sha256: `SSHFP 1 2 ${hex(random, 64)}` },
    key: randomBase64(random, bytes),
  };
}

function networking(random: Random, identity: string) {
  const names = ["eth0", "eth1", "bond0"].slice(0, between(random, 1, 3));
  const [hostname = identity, ...domain] = identity.split(".");
  return {
    hostname,
    domain: domain.join("."),
    fqdn: identity,
    primary: "eth0",
    interfaces: Object.fromEntries(
      ["lo", ...names].map((name) => [
        name,
        { ip: name === "lo" ? "127.0.0.1" : address(random), mac: mac(random), mtu: 1500, netmask: "255.255.0.0" },
      ]),
    ),
  };
}

function disks(random: Random) {
  return Object.fromEntries(
    ["sda", "sdb", "sdc"].slice(0, between(random, 1, 3)).map((name) => {
      const bytes = between(random, 20, 4_000) * GIB;
      return [
        name,
        { model: "QEMU HARDDISK", serial: hex(random, 16), size_bytes: bytes, type: pick(random, ["ssd", "hdd"]) },
      ];
    }),
  );
}

/** A node as it stays from report to report. */
export interface NodeProfile {
  readonly identity: string;
  readonly classes: readonly string[];
  /** Kept as JSON text: making the facts anew for every report would cost more than the signature. */
  readonly factsJson: string;
}

/** What a node is: the same numbers give the same node. */
export function nodeProfile(identity: string, random: Random): NodeProfile {
  const cores = pick(random, [2, 4, 8, 16, 32]);
  const role = pick(random, ROLES);
  const site = pick(random, SITES);
  const facts = {
    identity,
    role,
    site,
    os: { ...pick(random, RELEASES), architecture: "x86_64", hardware: "x86_64" },
    dmi: { manufacturer: "QEMU", product: { name: "Standard PC (Q35 + ICH9, 2009)", uuid: uuid(random) } },
    processors: { count: cores, isa: "x86_64", models: Array.from({ length: cores }, () => "AMD EPYC 9354P") },
    networking: networking(random, identity),
    disks: disks(random),
    ssh: { rsa: sshKey(random, 279), ecdsa: sshKey(random, 104), ed25519: sshKey(random, 51) },
    packages: packages(random),
  };
  const classes = ["settings", "profile::base", `profile::site::${site}`, `role::${role}`];
  return { identity, classes, factsJson: JSON.stringify(facts) };
}

/** What differs from report to report; `uptimeSeconds` is the node's, not the agent's. */
export function liveFacts(uptimeSeconds: number, random: Random) {
  const total = 16 * GIB;
  const used = Math.floor(total * (0.2 + 0.6 * random()));
  return {
    system_uptime: { seconds: uptimeSeconds, days: Math.floor(uptimeSeconds / 86_400) },
    memory: { system: { total_bytes: total, used_bytes: used, available_bytes: total - used } },
    load_averages: { "1m": random() * 4, "5m": random() * 4, "15m": random() * 4 },
  };
}
