import type { Config } from "../../../shared/config/schema.ts";

/** AWS's limit. */
const LONGEST_DESCRIPTION = 256;

/**
 * The functions of `lambda.functions`, as serverless.yml describes functions. What they share with `consumer` is said
 * there, and why.
 */
export function groupFunctions({ lambda }: Config): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(lambda.functions).map(([name, { jobs, memory, timeout, reservedConcurrency, schedule }]) => [
      name,
      {
        description: `Processes what the queues of ${jobs.join(", ")} hold, and ends`.slice(0, LONGEST_DESCRIPTION),
        handler: `.build/lambda/${name}/${name}.handler`,
        package: { patterns: [`.build/lambda/${name}/**`] },
        memorySize: memory,
        timeout: Math.ceil(timeout / 1000),
        ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
        maximumRetryAttempts: 0,
        maximumEventAge: 60,
        onError: { Ref: "DeadLetterTopic" },
        events: [{ schedule: { rate: schedule, description: `Drain ${name}`.slice(0, LONGEST_DESCRIPTION) } }],
      },
    ]),
  );
}
