import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { COMMANDS } from "../../../functions/cli/commands.ts";
import { readSource } from "../../../scripts/lambda/bundle/source.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { secretNames } from "../../../shared/config/secrets.ts";

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), "utf8");
const guide = read("docs/deploy.md");
const awsFile = fileURLToPath(new URL("../../../docs/deploy/aws.yaml", import.meta.url));

/** Sums, products and quotients of numbers, as the guide writes them: products and quotients first, then sums. */
function resultOf(expression: string): number {
  const number = (word: string): number => {
    assert.match(word, /^\d[\d,]*(?:\.\d+)?$/, expression);
    return Number(word.replaceAll(",", ""));
  };
  const product = (term: string): number => {
    const [first = "", ...rest] = term.split(/\s+(?=[×/])/);
    return rest.reduce((value, step) => {
      const [sign, word = ""] = step.split(/\s+/);
      return sign === "×" ? value * number(word) : value / number(word);
    }, number(first));
  };
  return expression.split(" + ").reduce((sum, term) => sum + product(term), 0);
}

test("every calculation in the guide comes out", () => {
  const calculations = [...guide.matchAll(/`(\d[^`]*) = ([\d,.]+)`/g)].map(([, left = "", right = ""]) => ({
    left,
    right,
  }));

  assert.ok(calculations.length >= 30, `${calculations.length} are found`);
  const wrong = calculations
    .map(({ left, right }) => ({ left, right, value: resultOf(left) }))
    .filter(({ value, right }) => Math.abs(value / resultOf(right) - 1) > 0.01);
  assert.deepEqual(wrong, []);
});

test("products and quotients are taken before sums", () => {
  assert.equal(resultOf("30 × 24 × 3,600"), 2_592_000);
  assert.equal(resultOf("6 / 0.5 + 0.5 × 2"), 13);
});

test("the guide's table of parameters is what serverless.yml says", () => {
  const { params } = parse(read("serverless.yml"));
  const row = (name: string) => new RegExp(`^\\| \`${name}\` \\| (.*?) \\| (.*?) \\|`, "m").exec(guide)?.slice(1);

  const names = Object.keys(params.dev);
  assert.deepEqual(names, Object.keys(params.prod));
  for (const name of names) {
    assert.deepEqual(
      row(name)?.map((cell) => cell.replaceAll("`", "")),
      [String(params.dev[name]), String(params.prod[name])],
      name,
    );
  }
  for (const name of Object.keys(params.default)) assert.match(guide, new RegExp(`^\\| .*\`${name}\``, "m"));
});

test("every command of ours that the guide runs exists", () => {
  const commands = [...guide.matchAll(/(?:npx choria-bridge|choria-bridge\.js \\\n) +([a-z]+)/g)].map(
    ([, name]) => name,
  );

  assert.ok(commands.length > 10);
  assert.deepEqual(
    commands.filter((command) => !COMMANDS.some(({ name }) => name === command)),
    [],
  );
});

test("the configuration of the AWS walk is one that is packaged, with the name of its secret, and one that a bridge runs on", () => {
  const { config } = readSource(awsFile, { NATS_URL: "nats://nats.test:4222" });

  assert.deepEqual(
    secretNames(config).map(({ text }) => text),
    ["ssm:/choria-bridge/nats.creds"],
  );
  assert.equal(config.dispatcher.functionPrefix, "choria-bridge-dev-");
  assert.equal(config.dispatcher.minInterval, 1_000, "what the guide's arithmetic stands on");
  const { connections, ingest } = parseConfig(read("docs/deploy/aws.yaml"), "aws.yaml", { NATS_CREDS: "nats.creds" });
  assert.equal(connections["nats"]?.credsFile, "nats.creds");
  assert.deepEqual(Object.keys(ingest), ["registration"]);
});
