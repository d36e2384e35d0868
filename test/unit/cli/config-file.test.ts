import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openConfigFile } from "../../../functions/cli/config-file.ts";

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
