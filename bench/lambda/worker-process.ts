import * as z from "zod";
import { runWorker } from "../../functions/consumer/service.ts";
import { workerOptions } from "../jobs/options.ts";

/** A worker as the subject "worker" of the rates, until it is killed: `node worker-process.js '<JSON of a BenchQueue>'`. */
const queue = z.object({ url: z.string(), stream: z.string(), concurrency: z.number() });
await runWorker(workerOptions(queue.parse(JSON.parse(process.argv[2] ?? "")), async () => {}));
