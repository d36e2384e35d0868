// Runs test suites: node scripts/test.mjs unit integration e2e [FILTER...]
// A filter keeps the files whose path contains it; --long is the long form of the fault tests. One run of node's test runner, so that it ends with one summary.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildTests } from "./build-tests.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

// What a suite needs before it runs: returns environment variables for the tests, or throws saying what is missing.
const natsServer = () => {
  const args = ["--import", "tsx", "scripts/nats-server.ts"];
  const stdout = execFileSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { NATS_SERVER: stdout.slice(0, stdout.lastIndexOf(" ")) };
};
const build = () => {
  execFileSync(process.execPath, ["scripts/build.mjs"], { cwd: root, stdio: "inherit" });
  return {};
};
// An AWS to deploy to: it is installed once, and a test's time is not for that. What else the tests need they fetch.
const moto = () => {
  if (process.env.MOTO_SERVER !== undefined) return {};
  const args = ["--import", "tsx", "scripts/python-tools.ts", "moto_server"];
  const stdio = ["ignore", "pipe", "inherit"];
  return { MOTO_SERVER: execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", stdio }).trim() };
};
// A Choria to join. Without Go or a module proxy there is none: the tests are skipped, and say why.
const choria = () => {
  const args = ["--import", "tsx", "test/support/choria/program/binary.ts"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  process.stderr.write(stderr);
  return status === 0 ? { CHORIA: stdout.trim() } : { CHORIA_MISSING: stderr.trim().split("\n").at(-1) };
};

// test/<name>/**/*.test.ts. Suites that `npm test` leaves out get their own `npm run test:<name>`.
const SUITES = {
  unit: [],
  integration: [natsServer],
  e2e: [natsServer, build],
  faults: [natsServer, build],
  deploy: [moto],
  fleet: [natsServer, build, choria],
};

// The fault tests have a long form, for which nobody waits.
const LONG = "--long";
const long = process.argv.includes(LONG);
const TIMEOUT_MS = long ? 3_600_000 : 420_000;

function filesOf(suite, filters) {
  const folder = join(root, "test", suite);
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  return names
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => relative(root, join(folder, name)))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort();
}

function filesAtOnce() {
  const cores = Math.max(2, availableParallelism());
  return suites.includes("faults") ? cores + 1 : 2 * cores;
}

function runTests(files, env) {
  const args = [
    ...["--enable-source-maps", "--test", "--test-reporter=./scripts/test-reporter.mjs"],
    // Most tests wait for a server more than they compute. Fault tests do both, and more at once would make timings worse.
    `--test-concurrency=${filesAtOnce()}`,
    `--test-timeout=${TIMEOUT_MS}`,
  ];
  return spawnSync(process.execPath, [...args, ...files], { cwd: root, stdio: "inherit", env });
}

const words = process.argv.slice(2).filter((arg) => arg !== LONG);
const suites = words.filter((arg) => Object.hasOwn(SUITES, arg));
const filters = words.filter((arg) => !Object.hasOwn(SUITES, arg));
const files = suites.flatMap((suite) => filesOf(suite, filters));
if (files.length === 0) {
  console.error(`no test files: node scripts/test.mjs ${Object.keys(SUITES).join("|")}... [FILTER...]`);
  process.exit(2);
}
const env = { ...process.env, FAULTS: long ? "long" : "short" };
try {
  for (const need of new Set(suites.flatMap((suite) => SUITES[suite]))) Object.assign(env, need());
} catch (error) {
  console.error(`cannot run ${suites.join(", ")}: ${error.message}`);
  process.exit(1);
}
const built = await buildTests(root, files);
const { status } = runTests(built, env);
process.exit(status ?? 1);
