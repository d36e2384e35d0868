// Prints the path and version of the nats-server that `npm start` and the tests use, fetching one when there is none.
// `npm run nats-server -- debian` fetches Debian's old one beside it.
import { fileURLToPath } from "node:url";
import { ensureNatsServer, NatsServerMissingError } from "../shared/nats-server/provision.ts";

const cacheDir = fileURLToPath(new URL("../.cache", import.meta.url));
const wanted = process.argv[2] === "debian" ? "debian" : "any";

try {
  const { path, version } = await ensureNatsServer({ env: process.env, cacheDir, log: console.error, wanted });
  console.log(`${path} ${version}`);
} catch (error) {
  if (!(error instanceof NatsServerMissingError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
