import { fileURLToPath } from "node:url";

/** Name of the module in the test's folder, and of its export. */
export const HANDLER_FILE = "ledger.mjs";
export const HANDLER = `${HANDLER_FILE}#ledger`;

/**
 * The handler module that workers load. Each process writes down its runs in a file of its own: what was written is kept by
 * the system when the process is killed, and no server or link takes part in it that a fault could hit. Times are of the
 * system's monotonic clock, which is one for all processes and which nobody steps.
 */
export function handlerModule(folder: string): string {
  return `
import { closeSync, openSync, writeSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { defineHandler } from ${JSON.stringify(fileURLToPath(import.meta.resolve("choria-bridge/handler")))};

const FOLDER = ${JSON.stringify(folder)};
const log = openSync(\`\${FOLDER}/\${process.pid}.runs\`, "a");
let runs = 0;

const note = (event, { number }, run, attempt) =>
  writeSync(log, \`\${event} \${number} \${run} \${attempt} \${process.hrtime.bigint()}\\n\`);

/** True for one run of all: a message that keeps every worker busy in turn would be another fault. */
function first(number) {
  try {
    closeSync(openSync(\`\${FOLDER}/\${number}.spun\`, "wx"));
    return true;
  } catch {
    return false;
  }
}

function spin(ms) {
  for (const end = performance.now() + ms; performance.now() < end; );
}

export const ledger = defineHandler({
  name: "ledger",
  input: "bytes",
  async run(message, ctx) {
    const task = JSON.parse(Buffer.from(message.data).toString());
    const run = (runs += 1);
    note("start", task, run, ctx.attempt);
    if (task.spinMs > 0 && first(task.number)) spin(task.spinMs);
    await wait(task.runMs);
    if (ctx.attempt <= task.failures) {
      note("failed", task, run, ctx.attempt);
      throw new Error("as planned");
    }
    try {
      await ctx.publish("out", { body: String(task.number) });
    } catch (error) {
      note("thwarted", task, run, ctx.attempt);
      throw error;
    }
    note("done", task, run, ctx.attempt);
  },
});
`;
}
