import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../support/imports.ts";
import { putSecret } from "./aws.ts";
import { run } from "./checkout.ts";
import { startDeployment } from "./deployment.ts";

/** Steps of the guide's walk in AWS, by number. */
async function readSteps(): Promise<ReadonlyMap<number, string>> {
  const guide = await readFile(join(root, "docs/deploy.md"), "utf8");
  const [, walk = ""] = /^## Functions in AWS$(.*?)^## /ms.exec(guide) ?? [];
  return new Map(walk.split(/^(?=\*\*\d\. )/m).map((text) => [Number(text.slice(2, 3)), text]));
}

test("the guide's walk is deployed, and deployed again, from one shell, where NATS_CREDS names a file since step 3", async (t) => {
  const { checkout, env, read } = await startDeployment(t, "choria-bridge-dev");
  await putSecret("/choria-bridge/nats.creds", "SUAEXAMPLEEXAMPLEEXAMPLEEXAMPLE", env);
  const steps = await readSteps();
  const [, configuration = ""] = /^```sh\n(.*?)^```$/ms.exec(steps.get(1) ?? "") ?? [];
  const [variables = ""] = /^export NATS_URL=\S+ NATS_CREDS=\/\S+$/m.exec(steps.get(3) ?? "") ?? [];
  const deploys = [...(steps.get(4) ?? "").matchAll(/^\$ (npx serverless deploy .*)$/gm)].map(
    ([, command = ""]) => command,
  );
  assert.match(configuration, /export CHORIA_BRIDGE_CONFIG=/);
  assert.notEqual(variables, "");
  assert.equal(deploys.length, 2);
  const looks = ["print", "package"].map((word) => deploys[0]!.replace("serverless deploy", `serverless ${word}`));
  const script = [configuration, variables, ...looks, ...deploys].join("\n");

  const { code, output } = await run("bash", ["-euo", "pipefail", "-c", script], checkout, { HOME: checkout, ...env });

  assert.equal(code, 0, output);
  assert.match(output, /Service deployed to stack choria-bridge-dev/);
  assert.match(output, /No changes to deploy\. Deployment skipped/);
  assert.doesNotMatch(output, /\/path\/to/);
  const { functions, roles } = await read();
  const { NATS_URL } = functions["choria-bridge-dev-consumer"]!.environment;
  assert.equal(NATS_URL, "nats://nats.example.net:4222");
  const parameters = Object.values(roles)[0]!.statements.find(({ Sid }) => Sid === "ReadParameters");
  assert.match(String(parameters?.Resource), /:parameter\/choria-bridge\/nats\.creds$/);
});
