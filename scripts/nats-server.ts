// Prints the path and version of the nats-server that `npm start` and the tests use, fetching one when there is none.
// `npm run nats-server -- newest|debian` is about the newest one that is pinned, or Debian's old one, only.
import { fileURLToPath } from "node:url";
import { ensureNatsServer, NatsServerMissingError } from "../shared/nats-server/provision.ts";

const cacheDir = fileURLToPath(new URL("../.cache", import.meta.url));
const wanted = (["any", "newest", "debian"] as const).find((name) => name === (process.argv[2] ?? "any"));

if (wanted === undefined) {
  console.error("usage: npm run nats-server [-- newest|debian]");
  process.exit(2);
}
try {
  const { path, version } = await ensureNatsServer({ env: process.env, cacheDir, log: console.error, wanted });
  console.log(`${path} ${version}`);
} catch (error) {
  if (!(error instanceof NatsServerMissingError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
