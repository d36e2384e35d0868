import { makeQueue, removeQueue } from "../jobs/queue.ts";
import { drain, openCaller } from "./calls.ts";
import { type Bench, deploy, FUNCTION } from "./deploy.ts";

const WARM_UP = 20;

/** What invocations that find their queue empty are billed for, milliseconds; one after the other in a warm environment. */
export async function emptyInvocations(bench: Bench, count: number): Promise<readonly number[]> {
  const queue = { url: bench.url, stream: "BENCH_EMPTY", concurrency: 64 };
  await makeQueue(queue);
  const { lambda } = await deploy(bench, queue, "nothing");
  const client = await openCaller(lambda.endpoint, 1);
  try {
    for (let done = 0; done < WARM_UP + count; done += 1) await drain(client);
    return lambda.invocations.slice(WARM_UP).map(({ cold, billedMs }) => {
      if (cold) throw new Error(`${FUNCTION} was started anew`);
      return billedMs;
    });
  } finally {
    client.destroy();
    await lambda.close();
    await removeQueue(queue);
  }
}
