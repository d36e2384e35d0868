// What serverless.yml takes from the configuration, through ${file(scripts/lambda/stack/stack.cjs):…}: see stack.ts.
const { join } = require("node:path");
const functionVariables = require("../bundle/variables.cjs");

const PARAMETERS = ["kmsKey", "subnets", "securityGroups", "alarmTopic", "oldestMessageAge", "timeout"];
/** Mistakes of whoever deploys, told without a stack. */
const MISTAKES = ["CONFIG_INVALID", "STACK_INVALID"];

/** serverless asks once for each variable; the answer is the same for all of them. */
let made = null;
let told = false;

module.exports = async ({ resolveVariable }) => {
  made ??= make(resolveVariable);
  try {
    return await made;
  } catch (error) {
    made = null; // serverless tries again once it knows more of its parameters
    throw MISTAKES.includes(error.code) ? explained(error) : error;
  }
};

/** serverless shows the stack, for each variable again; what is wrong stands in the message, and once is enough. */
function explained({ message }) {
  const shown = new Error(message);
  shown.stack = told ? "as above" : `\n${message}`;
  told = true;
  return shown;
}

async function make(resolveVariable) {
  const values = await Promise.all(PARAMETERS.map((name) => resolveVariable(`param:${name}`)));
  const parameters = Object.fromEntries(PARAMETERS.map((name, at) => [name, values[at]]));
  const { oldestMessageAge, timeout, ...texts } = parameters;
  const service = `${await resolveVariable("self:service")}-${await resolveVariable("sls:stage")}`;
  const environment = await resolveVariable("self:provider.environment");
  const variables = functionVariables(environment, await resolveVariable("self:provider.region"));
  const file = process.env.CHORIA_BRIDGE_CONFIG ?? join(__dirname, "../../../docs/lambda/consumer.yaml");
  const { tsImport } = await import("tsx/esm/api");
  const { readSource } = await tsImport("../bundle/source.ts", __filename);
  const { stackOf } = await tsImport("./stack.ts", __filename);
  const { config } = readSource(file, variables, process.env);
  const numbers = { oldestMessageAge: Number(oldestMessageAge), timeout: Number(timeout) };
  return stackOf(config, { service, ...texts, ...numbers });
}
