// node --import tsx ordered-worker.ts URL NAME: a worker whose handler notes each run, fails now and then, and publishes.
import { connect } from "nats";
import { Worker } from "../../functions/consumer/worker.ts";
import { defineHandler } from "../../shared/jobs/handler.ts";
import { orderedOptions } from "./order.ts";

const [url = "", name = ""] = process.argv.slice(2);
const dial = () => connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
const notes = (await dial()).jetstream();

const handler = defineHandler({
  name: "noting",
  input: "bytes",
  retry: { policy: "fixed", delayMs: 30, maxDelayMs: 30, attempts: 1_000, jitter: 0 },
  run: async (message, context) => {
    await notes.publish(`runs.${name}`, message.data);
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20));
    if (Math.random() < 0.1) throw new Error("now and then");
    await context.publish("store", { body: message.data });
  },
});

await Worker.start(orderedOptions({ url, worker: name, connect: dial, handler }));
process.stdout.write("consuming\n");
