import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openConfigFile } from "../../../functions/cli/config-file.ts";
import { caExtension, issue, issueList, makePair } from "../../support/certificates.ts";
import { makeConfigValue, problemsOf } from "../../support/config.ts";
import { makeFolder, writeYaml } from "../../support/folder.ts";

test("a configuration that cannot be read is a configuration error", () => {
  assert.throws(() => openConfigFile("/nowhere/my.yaml", {}), {
    code: "CONFIG_INVALID",
    message: /^\/nowhere\/my\.yaml does not exist/,
  });
  assert.throws(() => openConfigFile(tmpdir(), {}), { code: "CONFIG_INVALID", message: /cannot be read \(EISDIR\)/ });
});

test("files are found beside the configuration that names them", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "choria-bridge-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "token.txt"), "s3cret\n");
  const text = `connections: { main: { servers: ["nats://localhost"], tokenFile: token.txt } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }`;
  writeFileSync(join(folder, "my.yaml"), text);

  const { resolved } = openConfigFile(join(folder, "my.yaml"), {});

  assert.deepEqual(resolved.connections.main?.credentials, { type: "token", token: "s3cret" });
});

test("a revocation list of a CA that is not trusted is a problem of the configuration: with file, place, value and fix", async (t) => {
  const [pair, stranger] = await Promise.all([makePair(), makePair()]);
  const ca = { subject: "CN=Ours", holder: pair, issuer: "CN=Ours", signer: pair, extensions: [caExtension()] };
  const folder = await makeFolder(t);
  writeFileSync(join(folder, "ca.pem"), await issue(ca));
  const list = await issueList({ issuer: "CN=Theirs", signer: stranger, serialNumber: "0a" });
  writeFileSync(join(folder, "crl.pem"), list);
  const v1 = { ca: "ca.pem", crl: "crl.pem", nodes: ["net$"] };
  const file = await writeYaml(folder, makeConfigValue({ trust: { v1 } }));

  const problems = problemsOf(() => openConfigFile(file, {}));

  assert.equal(problems.length, 1);
  const [{ path, value, problem, fix, ...place } = assert.fail()] = problems;
  assert.deepEqual([place.file, path, value], [file, "trust.v1.crl", '"crl.pem"']);
  assert.match(problem, /^the list of "CN=Theirs" is of no CA in trust\.v1\.ca/);
  assert.match(fix, /put the certificate of the CA that signs the list into trust\.v1\.ca.*or take the list out/);
});
