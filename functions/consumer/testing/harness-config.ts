/** What a harness is made for, as far as its configuration goes. */
export interface HarnessJobs {
  readonly url: string;
  readonly jobs: readonly string[];
  readonly sinks: readonly string[];
  /** Further settings of jobs, as in a configuration file. */
  readonly settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const CONNECTION = "main";
/** A configuration has to trust somebody. Only a bridge asks whom, and there is none here. */
const UNASKED_TRUST = { v2: { trustedSigners: ["00".repeat(32)] } };

/** A configuration with a work queue for each job and a kept stream for each sink. JSON, which is YAML too. */
export function harnessConfig({ url, jobs, sinks, settings }: HarnessJobs): string {
  const stream = (subject: string, more: object = {}) => ({
    connection: CONNECTION,
    subject,
    allowUnprovenSender: true,
    ...more,
  });
  return JSON.stringify({
    connections: { [CONNECTION]: { servers: [url] } },
    trust: UNASKED_TRUST,
    streams: {
      ...entries(jobs, (job) => [streamOfJob(job), stream(`jobs.${job}.{partition:4}.{sender}`)]),
      ...entries(sinks, (sink) => [streamOfSink(sink), stream(`sinks.${sink}.{sender}`, { retention: "limits" })]),
    },
    sinks: entries(sinks, (sink) => [sink, { type: "jetstream", to: streamOfSink(sink) }]),
    jobs: entries(jobs, (job) => [
      job,
      { stream: streamOfJob(job), handler: referenceOf(job), ackWait: "5s", ...settings[job] },
    ]),
  });
}

export function streamOfJob(job: string): string {
  return `QUEUE_${job}`;
}

export function streamOfSink(sink: string): string {
  return `SINK_${sink}`;
}

/** How the configuration refers to the handler of a job. */
export function referenceOf(job: string): string {
  return `${job}.js#handler`;
}

function entries(names: readonly string[], entry: (name: string) => readonly [string, unknown]) {
  return Object.fromEntries(names.map(entry));
}
