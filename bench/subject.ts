import { connect } from "nats";
import * as z from "zod";
import { runBridgeBench } from "./bridge.ts";
import { runFloorBridge } from "./floor-bridge.ts";
import { floorWorker } from "./floor-worker.ts";
import { type Measured, Meter } from "./measure.ts";
import { benchWorker } from "./worker.ts";

/** The process that is measured: `node bench/subject.ts '<JSON>'` prints one `Measured` as JSON. */

export const SUBJECT = "mcollective.broadcast.agent.registration";
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
const workerTask = z.object({ what: z.enum(["floor-worker", "worker"]), url: z.string(), count: z.number() });
const taskSchema = z.union([bridgeTask, workerTask]);
export type BenchTask = z.input<typeof taskSchema>;

function measure(task: z.output<typeof taskSchema>): Promise<Measured> {
  if ("protocol" in task) return measureBridge(task);
  return task.what === "worker" ? benchWorker(task, task.count) : floorWorker(task, task.count);
}

async function measureBridge(task: z.output<typeof bridgeTask>): Promise<Measured> {
  const credit = await connect({ servers: task.url, name: "bench credit" });
  const meter = new Meter(task.count, task.warmUp, (done) => {
    if (done % CREDIT_EVERY === 0) credit.publish("bench.credit", String(done));
  });
  const bench = { ...task, subject: SUBJECT, subjectPrefix: `bench.${task.stream}` };
  if (task.what === "bridge") await runBridgeBench(bench, meter);
  else {
    const connection = await connect({ servers: task.url, name: "bench floor" });
    const target = { stream: task.stream, subjectPrefix: bench.subjectPrefix };
    runFloorBridge(connection, { protocol: task.protocol, subject: SUBJECT, target }, meter);
    await connection.flush();
  }
  process.send?.("ready");
  return meter.finished;
}

if (process.argv[2] !== undefined) {
  const measured = await measure(taskSchema.parse(JSON.parse(process.argv[2])));
  console.log(JSON.stringify(measured));
  process.exit(0);
}
