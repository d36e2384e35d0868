import { connect } from "nats";
import * as z from "zod";
import { runBridgeBench } from "./bridge.ts";
import { runFloorBridge } from "./floor-bridge.ts";
import { floorConsume } from "./floor-consume.ts";
import { floorWorker } from "./floor-worker.ts";
import { emptyDrains } from "./jobs/drain.ts";
import { idleFloor, idleWorker } from "./jobs/idle.ts";
import { memoryUse } from "./jobs/memory.ts";
import { SUBJECT } from "./load.ts";
import { type Measured, Meter } from "./measure.ts";
import { bullMqWorker } from "./redis/bullmq.ts";
import { benchWorker } from "./worker.ts";

/** The process that is measured: `node bench/subject.ts '<JSON>'` prints what it measured as JSON. */

const CREDIT_EVERY = 128;

const bridgeTask = z.object({
  what: z.enum(["floor-bridge", "bridge"]),
  url: z.string(),
  protocol: z.enum(["v1", "v2"]),
  stream: z.string(),
  count: z.number(),
  warmUp: z.number(),
  signedAtMs: z.number(),
  // Built by bench/load.ts in the parent and used as it is.
  trust: z.custom<Parameters<typeof runBridgeBench>[0]["trust"]>((value) => typeof value === "object"),
});
const queueTask = z.object({ url: z.string(), stream: z.string(), concurrency: z.number(), count: z.number() });
const taskSchema = z.discriminatedUnion("what", [
  bridgeTask,
  queueTask.extend({ what: z.enum(["floor-worker", "floor-consume", "worker", "idle-floor", "idle-worker", "drain"]) }),
  queueTask.extend({ what: z.literal("memory"), runMs: z.number(), idleMs: z.number() }),
  z.object({ what: z.literal("bullmq"), port: z.number(), concurrency: z.number(), count: z.number() }),
]);
export type BenchTask = z.input<typeof taskSchema>;

function measure(task: z.output<typeof taskSchema>, onReady: () => void): Promise<object> {
  switch (task.what) {
    case "floor-bridge":
    case "bridge":
      return measureBridge(task, onReady);
    case "floor-worker":
      return floorWorker(task, task.count);
    case "floor-consume":
      return floorConsume(task, task.count);
    case "worker":
      return benchWorker(task, task.count);
    case "bullmq":
      return bullMqWorker(task.port, task.concurrency, task.count);
    case "idle-floor":
      return idleFloor(task, task.count, onReady);
    case "idle-worker":
      return idleWorker(task, task.count, onReady);
    case "drain":
      return emptyDrains(task, task.count);
    case "memory":
      return memoryUse(task, task, onReady);
  }
}

async function measureBridge(task: z.output<typeof bridgeTask>, onReady: () => void): Promise<Measured> {
  const credit = await connect({ servers: task.url, name: "bench credit" });
  const meter = new Meter(task.count, task.warmUp, (done) => {
    if (done % CREDIT_EVERY === 0) credit.publish("bench.credit", String(done));
  });
  const bench = { ...task, storeUrl: task.url, subject: SUBJECT, subjectPrefix: `bench.${task.stream}` };
  if (task.what === "bridge") await runBridgeBench(bench, () => meter.count());
  else {
    const connection = await connect({ servers: task.url, name: "bench floor" });
    const target = { stream: task.stream, subjectPrefix: bench.subjectPrefix };
    runFloorBridge(connection, { protocol: task.protocol, subject: SUBJECT, target }, meter);
    await connection.flush();
  }
  onReady();
  return meter.finished;
}

const task = taskSchema.parse(JSON.parse(process.argv[2] ?? ""));
const measured = await measure(task, () => process.send?.("ready"));
process.stdout.write(`${JSON.stringify(measured)}\n`, () => process.exit(0)); // once all of it is written
