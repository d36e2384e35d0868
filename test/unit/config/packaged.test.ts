import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { parseConfig } from "../../../shared/config/load.ts";
import { readPackaged } from "../../../shared/config/packaged.ts";
import { packDocument } from "../../../shared/config/parse/document.ts";
import { problemsOf } from "../../support/config.ts";

const TEXT = `
connections: { main: { servers: ["nats://\${HOST:-localhost}:4222"] } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }
worker:
  http:
    host: "\${PORT}"
    port: \${PORT}
`;

const packed = (text: string) => JSON.stringify(packDocument(text));

test("a packed configuration means what its file means, variables replaced where it runs", async () => {
  const example = await readFile("docs/example.yaml", "utf8");

  assert.deepEqual(readPackaged(packed(example), "config.json", {}), parseConfig(example, "example.yaml", {}));
});

test("a variable is packed as its name, and only an unquoted one becomes a number", () => {
  const text = packed(TEXT);
  const config = readPackaged(text, "config.json", { PORT: "9999", HOST: "broker" });

  assert.ok(!text.includes("9999"));
  assert.deepEqual(config.connections["main"]?.servers, ["nats://broker:4222"]);
  assert.deepEqual(config.worker.http, { host: "9999", port: 9_999 });
});

test("every problem of a packed configuration comes at once, each by its path", () => {
  const found = problemsOf(() => readPackaged(packed(`${TEXT}\nlogs: {}\n`), "config.json", {}));

  assert.deepEqual(found.map(({ file, path }) => `${file} ${path}`).sort(), [
    "config.json logs",
    "config.json worker.http.host",
    "config.json worker.http.port",
  ]);
});
