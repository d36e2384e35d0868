import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeFolder } from "../../support/folder.ts";

const PROBE = fileURLToPath(new URL("credentials-probe.ts", import.meta.url));
const REPORT = { processed: 0, retried: 0, dead: 0, dropped: 0, returned: 0, unsettled: 0, left: 0, reason: "empty" };
const EXPIRES = "2100-01-01T00:00:00Z";

/** Lambda, a container's credentials and an instance's metadata in one server; `keys` are the key ids Lambda was shown. */
async function setup(t: TestContext) {
  const keys: string[] = [];
  const server = createServer((request, response) => {
    const url = request.url ?? "";
    const temporary = { SecretAccessKey: "s", Token: "t", Expiration: EXPIRES };
    if (url.endsWith("/invocations")) {
      keys.push(/Credential=(\w+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "none");
      response.end(JSON.stringify(REPORT));
    } else if (url === "/container") response.end(JSON.stringify({ AccessKeyId: "FROMCONTAINER", ...temporary }));
    else if (url === "/latest/api/token") response.end("token");
    else if (/^\/latest\/meta-data\/iam\/security-credentials(-extended)?\/$/.test(url)) response.end("role");
    else if (/^\/latest\/meta-data\/iam\/security-credentials(-extended)?\/role$/.test(url)) {
      response.end(JSON.stringify({ Code: "Success", Type: "AWS-HMAC", AccessKeyId: "FROMINSTANCE", ...temporary }));
    } else response.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = await makeFolder(t);
  const files = { AWS_CONFIG_FILE: join(folder, "config"), AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials") };
  const probe = async (env: Record<string, string>) => {
    const surroundings = {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      ...files,
      AWS_ENDPOINT_URL_LAMBDA: url,
      ...env,
    };
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", PROBE], { env: surroundings });
    return JSON.parse(stdout);
  };
  return { url, keys, probe };
}

const REGION = { AWS_REGION: "eu-central-1" };

test("credentials are found in the environment, in a container and on an instance", async (t) => {
  const { url, keys, probe } = await setup(t);
  const places = [
    { AWS_ACCESS_KEY_ID: "FROMENVIRONMENT", AWS_SECRET_ACCESS_KEY: "s" },
    { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container` },
    { AWS_EC2_METADATA_SERVICE_ENDPOINT: url },
  ];

  for (const place of places) assert.equal((await probe({ ...REGION, ...place })).type, "drained");

  assert.deepEqual(keys, ["FROMENVIRONMENT", "FROMCONTAINER", "FROMINSTANCE"]);
});

test("no credentials at all is an outcome that says so, and Lambda is not asked", async (t) => {
  const { keys, probe } = await setup(t);

  const outcome = await probe({ ...REGION, AWS_EC2_METADATA_DISABLED: "true" });

  assert.equal(outcome.type, "credentials");
  assert.match(outcome.detail, /Could not load credentials from any providers/);
  assert.deepEqual(keys, []);
});
