// What serverless.yml takes from the configuration, through ${file(scripts/lambda/stack.cjs):…}: see stack.ts.
const { join } = require("node:path");

const PARAMETERS = ["kmsKey", "subnets", "securityGroups", "alarmTopic", "oldestMessageAge", "natsUrl"];

/** serverless asks once for each variable; the answer is the same for all of them. */
let made = null;
let told = false;

module.exports = async ({ resolveVariable }) => {
  made ??= make(resolveVariable);
  try {
    return await made;
  } catch (error) {
    made = null; // serverless tries again once it knows more of its parameters
    throw error.code === "CONFIG_INVALID" ? explained(error) : error;
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
  const { natsUrl, oldestMessageAge, ...texts } = Object.fromEntries(PARAMETERS.map((name, at) => [name, values[at]]));
  const service = `${await resolveVariable("self:service")}-${await resolveVariable("sls:stage")}`;
  const file = process.env.CHORIA_BRIDGE_CONFIG ?? join(__dirname, "../../docs/lambda/consumer.yaml");
  const { tsImport } = await import("tsx/esm/api");
  const { readSource } = await tsImport("./source.ts", __filename);
  const { stackOf } = await tsImport("./stack.ts", __filename);
  const env = { ...process.env, NATS_URL: natsUrl, CHORIA_BRIDGE_SERVICE: service };
  return stackOf(readSource(file, env).config, { service, ...texts, oldestMessageAge: Number(oldestMessageAge) });
}
