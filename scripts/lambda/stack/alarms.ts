import { createHash } from "node:crypto";
import type { Config } from "../../../shared/config/schema.ts";
import { lambdaFunctions } from "../bundle/functions.ts";
import type { StackSettings } from "./stack.ts";

type Resources = Readonly<Record<string, unknown>>;

interface Alarm {
  /** What follows service and stage in its name. */
  readonly name: string;
  readonly description: string;
  readonly namespace: "AWS/Lambda" | "choria-bridge";
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: "Sum" | "Maximum";
  /** It goes off above this. */
  readonly above: number;
  /** So many of the latest three periods. */
  readonly periods: 1 | 2 | 3;
  readonly periodSeconds: number;
  /** What no metric at all means: all is well, or nobody knows, which is worth a message of its own. */
  readonly silence: "notBreaching" | "missing";
}

/** Metrics of our own come from the functions' logs, in CloudWatch's embedded metric format. */
const NAMESPACE = "choria-bridge";

/** The alarms of the stack, as CloudFormation resources by logical id. */
export function alarms(config: Config, settings: StackSettings): Resources {
  const functions = lambdaFunctions(config).flatMap(({ name }) => [
    [`${logical(name)}ErrorsAlarm`, errorsOf(name, settings)] as const,
    [`${logical(name)}ThrottlesAlarm`, throttlesOf(name, settings)] as const,
  ]);
  const jobs = Object.keys(config.jobs).map((job) => [`${logical(job)}AgeAlarm`, ageOf(job, settings)] as const);
  const sweeper = [["SweptAlarm", swept(settings)] as const, ["StrandedAlarm", stranded(settings)] as const];
  const all = [...functions, ...jobs, ...sweeper];
  return Object.fromEntries(all.map(([id, alarm]) => [id, resource(alarm, settings)]));
}

/** One failed drain is no news: a server that restarts fails one, and the next tick makes up for it. */
function errorsOf(name: string, { service }: StackSettings): Alarm {
  return {
    ...ofLambda(name, service, "Errors"),
    name: `${name}-errors`,
    description: `The function ${name} failed in two of the last three five minutes. Its log says why.`,
    periods: 2,
  };
}

/** Now and then is how reserved concurrency is meant to work; all the time, there is too little of it. */
function throttlesOf(name: string, { service }: StackSettings): Alarm {
  return {
    ...ofLambda(name, service, "Throttles"),
    name: `${name}-throttles`,
    description: `Invocations of ${name} were refused for fifteen minutes: its reserved concurrency, or the account's, is too small.`,
    periods: 3,
  };
}

function ofLambda(name: string, service: string, metric: string) {
  return {
    namespace: "AWS/Lambda" as const,
    metric,
    dimensions: { FunctionName: `${service}-${name}` },
    statistic: "Sum" as const,
    above: 0,
    periodSeconds: 300,
    silence: "notBreaching" as const,
  };
}

function ageOf(job: string, { service, oldestMessageAge }: StackSettings): Alarm {
  return {
    name: `${job}-age`,
    description: `A message of job ${job} has waited for more than ${oldestMessageAge} s, or nothing is known of its queue.`,
    namespace: NAMESPACE,
    metric: "OldestMessageAge",
    dimensions: { Service: service, Job: job },
    statistic: "Maximum",
    above: oldestMessageAge,
    periods: 2,
    periodSeconds: 300,
    silence: "missing",
  };
}

/** Silence of the sweeper is told once, by `stranded`. */
function swept(settings: StackSettings): Alarm {
  return {
    ...ofSweeper(settings),
    name: "swept",
    description: "The sweeper found messages whose deliveries ran out: they are among the dead letters.",
    metric: "Swept",
    statistic: "Sum",
    silence: "notBreaching",
  };
}

function stranded(settings: StackSettings): Alarm {
  return {
    ...ofSweeper(settings),
    name: "stranded",
    description: "Messages whose deliveries ran out could not be taken away by the sweeper, or it has not looked.",
    metric: "Stranded",
    statistic: "Maximum",
    silence: "missing",
  };
}

function ofSweeper({ service }: StackSettings) {
  return {
    namespace: NAMESPACE,
    dimensions: { Service: service, Function: "sweeper" },
    above: 0,
    periods: 1,
    periodSeconds: 900, // some sweeps long: none of them may fall between two periods
  } as const;
}

function resource(alarm: Alarm, { service, alarmTopic }: StackSettings) {
  const actions = alarmTopic === "" ? [] : [alarmTopic];
  return {
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmName: `${service}-${alarm.name}`,
      AlarmDescription: alarm.description,
      Namespace: alarm.namespace,
      MetricName: alarm.metric,
      Dimensions: Object.entries(alarm.dimensions).map(([Name, Value]) => ({ Name, Value })),
      Statistic: alarm.statistic,
      Period: alarm.periodSeconds,
      ComparisonOperator: "GreaterThanThreshold",
      Threshold: alarm.above,
      EvaluationPeriods: alarm.periods === 1 ? 1 : 3,
      DatapointsToAlarm: alarm.periods,
      TreatMissingData: alarm.silence,
      AlarmActions: actions,
      OKActions: actions,
      InsufficientDataActions: alarm.silence === "missing" ? actions : [],
    },
  };
}

/** Logical ids are letters and digits; a digest keeps names apart that would be one without the rest, or as capitals. */
function logical(name: string): string {
  const letters = name.replace(/[^A-Za-z0-9]/g, "");
  const digest = /^[a-z0-9][A-Za-z0-9]*$/.test(name) ? "" : createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${letters.charAt(0).toUpperCase()}${letters.slice(1)}${digest}`;
}
