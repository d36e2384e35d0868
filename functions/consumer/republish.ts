import { defineHandler, type JobHandler } from "../../shared/jobs/handler.ts";

/**
 * The handler of a job with `sink:`: writes each message there, body and `Choria-*` headers unchanged. The job's name is
 * part of the output ids: two jobs that feed one sink both arrive.
 */
export function republishHandler(jobName: string, sinkName: string): JobHandler {
  return defineHandler({
    name: `republish:${jobName}`,
    input: "bytes",
    run: async (message, context) => {
      await context.publish(sinkName, { body: message.data });
    },
  });
}
