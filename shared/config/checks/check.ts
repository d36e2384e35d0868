import type { Finding } from "../problem.ts";
import { checkIngest } from "./ingest.ts";
import { checkJobs } from "./jobs.ts";
import { checkLambda } from "./lambda.ts";
import type { Scope } from "./scope.ts";
import { checkSinks } from "./sinks.ts";
import { checkSourcesTogether } from "./source.ts";
import { checkStream, checkStreamsTogether } from "./streams.ts";
import { checkTrust } from "./trust.ts";

/** What no single value shows: settings that contradict each other. */
export function checkConfig(scope: Scope): readonly Finding[] {
  const { ingest, streams, trust } = scope.config;
  return [
    ...(scope.isTrustKnown ? checkTrust(trust) : []),
    ...Object.entries(ingest).flatMap(([name, entry]) => checkIngest(scope, name, entry)),
    ...Object.entries(streams).flatMap(([name, stream]) => checkStream(scope, name, stream)),
    ...checkStreamsTogether(scope.config),
    ...checkSourcesTogether(scope.config),
    ...checkJobs(scope.config),
    ...checkSinks(scope.config),
    ...checkLambda(scope.config),
  ];
}
