import * as z from "zod";
import { PUBLIC_KEY } from "./deny-list.ts";
import { patternText, serverUrl, subjectText, templateText } from "./texts.ts";
import { duration, size } from "./units.ts";

/** Names of connections, streams, jobs…: they appear in metric labels, durable names and file names. */
const entryName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, {
  error: "a name is 1 to 64 letters, digits, '_' or '-'",
});

const streamName = z
  .string()
  .regex(/^[A-Za-z0-9_$-]{1,255}$/, { error: "a stream name is 1 to 255 letters, digits, '_', '-' or '$'" });

/** As every name that becomes tokens of a subject (shared/choria/rules/fields.ts). */
const collective = z
  .string()
  .regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, { error: "cannot be part of a NATS subject" })
  .describe("letters, digits, _ and -, with single dots between them");

const hexKey = z
  .string()
  .regex(PUBLIC_KEY, { error: "must be an ed25519 public key, 64 hex characters" })
  .describe("the issuer's public key, not its seed, as go-choria has it in plugin.security.issuer.<ou>.public");

const storage = z
  .enum(["file", "memory"])
  .default("file")
  .describe("Where the server keeps the messages; `memory` loses them when it restarts.");

const replicas = z
  .number()
  .int()
  .min(1)
  .max(5)
  .default(1)
  .describe("Copies in a cluster. A PubAck of a single copy does not survive the loss of its disk.");

const http = (port: number) =>
  z
    .strictObject({
      host: z.string().default("127.0.0.1").describe("Address to listen on."),
      port: z.number().int().min(0).max(65_535).default(port).describe("Port; 0 picks a free one."),
    })
    .prefault({})
    .describe("Serves /healthz, /readyz and /metrics.");

export const connectionSchema = z.strictObject({
  servers: z.array(serverUrl()).min(1).describe("NATS servers, as URLs."),
  tls: z
    .strictObject({
      ca: z.string().optional().describe("File with the CA certificates (PEM)."),
      cert: z.string().optional().describe("File with the client certificate (PEM)."),
      key: z.string().optional().describe("File with the client key (PEM)."),
      handshakeFirst: z
        .boolean()
        .default(false)
        .describe("Begin with the TLS handshake, for servers that are set up for it (`handshake_first`)."),
    })
    .optional()
    .describe("TLS; `cert` and `key` together make it mutual. Files are read again at every reconnect."),
  choria: z
    .strictObject({
      tokenFile: z.string().describe("File with the client token, as `choria jwt client` writes it."),
      seedFile: z.string().describe("File with the token's seed (64 hex characters), as `choria jwt keys` writes it."),
      collective: collective.default("mcollective").describe("Sub-collective under whose replies the inboxes lie."),
    })
    .optional()
    .describe("Joins a Choria broker with a client token (protocol v2). For v1 `tls.cert` and `tls.key` are enough."),
  nkeyFile: z.string().optional().describe("File with an nkey seed."),
  credsFile: z.string().optional().describe("NATS credentials file (JWT and nkey seed)."),
  user: z.string().optional().describe("User name; needs `passwordFile`."),
  passwordFile: z.string().optional().describe("File that holds the password."),
  tokenFile: z.string().optional().describe("File that holds an authentication token."),
});

const v1TrustSchema = z.strictObject({
  ca: z.string().describe("File with the CA certificates (PEM) that sign node and client certificates."),
  crl: z.string().optional().describe("File with revocation lists (PEM), each of a CA in `ca`."),
  acceptStaleCrl: z
    .boolean()
    .default(false)
    .describe("Go on with a revocation list past its nextUpdate. Otherwise it refuses what its issuer has signed."),
  allow: z
    .array(patternText())
    .default(["\\.mcollective$", "\\.choria$"])
    .describe("Patterns of callers that may make requests (go-choria's certname_whitelist)."),
  privileged: z
    .array(patternText())
    .default(["\\.privileged.mcollective$", "\\.privileged.choria$"])
    .describe("Patterns of certificate names whose holder may name any caller."),
  nodes: z.array(patternText()).default([]).describe("Patterns of node identities that may register. Empty: none may."),
  allowInsecureRegistration: z
    .boolean()
    .default(false)
    .describe("Accept registrations that carry no signature, as unproven (`Choria-Proof: none`)."),
});

const v2TrustSchema = z.strictObject({
  issuers: z
    .record(z.string().min(1), hexKey)
    .refine((issuers) => Object.keys(issuers).length > 0, { error: "names no issuer" })
    .optional()
    .describe("Organisation issuers: organisation unit to ed25519 public key (hex)."),
  trustedSigners: z.array(hexKey).min(1).optional().describe("Keys that sign tokens, instead of `issuers`."),
  requireSignedReplies: z.boolean().default(true).describe("Refuse replies that carry no signature."),
  delegatorsMayNameAnyCaller: z
    .boolean()
    .default(false)
    .describe("As go-choria: a delegator (AAA signer) may name a caller other than its caller token does."),
});

const denySchema = z.strictObject({
  tokens: z
    .array(z.string().min(1))
    .default([])
    .describe("Ids of tokens (`jti`). That of a chain issuer denies the tokens it has issued too."),
  publicKeys: z.array(hexKey).default([]).describe("Public keys of token holders and issuers."),
  identities: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Names of nodes, and of callers without what stands before `=`; v1 and v2. Exact, case too; no patterns.",
    ),
  file: z.string().optional().describe("File with one of these per line; `#` begins a comment."),
});

export const trustSchema = z.strictObject({
  v1: v1TrustSchema.optional().describe("Protocol v1 (x509). Absent: v1 messages are refused."),
  v2: v2TrustSchema.optional().describe("Protocol v2 (ed25519 and JWT). Absent: v2 messages are refused."),
  collectives: z.array(collective).min(1).default(["mcollective"]).describe("Sub-collectives that are accepted."),
  ttl: z
    .strictObject({
      min: duration().prefault("1s").describe("Smallest ttl accepted (v1 also has 30s in its schema)."),
      max: duration().prefault("60s").describe("Largest ttl accepted; also the age and the clock skew tolerated."),
    })
    .prefault({})
    .describe("How old a message may be."),
  limits: z
    .strictObject({
      maxBytes: size().prefault("1MiB").describe("Larger messages are refused before they are parsed."),
      maxDepth: z.number().int().min(8).max(1_000).default(32).describe("Deepest JSON nesting of a protocol document."),
    })
    .prefault({})
    .describe("What is refused before it costs anything."),
  deny: denySchema.prefault({}).describe("Credentials that are refused although they are valid (`denied`)."),
  watch: duration()
    .prefault("10s")
    .describe("How often the bridge looks whether a trust file has changed; 0s: only SIGHUP reads them again."),
  cacheEntries: z
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .default(400_000)
    .describe(
      "Bound of each cache of proven credentials: above the number of nodes and callers. An entry takes about 150 bytes (certificate) or 190 (token).",
    ),
});

const acceptSchema = z.strictObject({
  agents: z.array(patternText()).min(1).optional().describe("Patterns of agents. Default: all."),
  collectives: z
    .array(collective)
    .min(1)
    .optional()
    .describe("Sub-collectives. Default: those in `trust.collectives`."),
  senders: z.array(patternText()).min(1).optional().describe("Patterns of senders. Default: all."),
  maxAge: duration().optional().describe("Oldest message, by its sender's clock. Default: its ttl alone."),
  maxBytes: size().optional().describe("Largest message. Default: `trust.limits.maxBytes`."),
});

const sourceSchema = z.strictObject({
  stream: streamName.describe("Stream on the server; it must exist."),
  durable: entryName.default("choria-bridge").describe("Durable pull consumer, made when it does not exist."),
  ackWait: duration().prefault("30s").describe("Lease of a delivered message."),
  inFlight: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(1_000)
    .describe("Messages that one bridge has taken and not yet stored."),
  maxAckPending: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe(
      "The same over all bridges on the durable: when so many are held by bridges that hang, the others get none. Default: four times `inFlight`.",
    ),
});

const ingestSchema = z.strictObject({
  connection: z.string().describe("Name in `connections`."),
  subject: subjectText().describe("NATS subject to subscribe to, or to take from the source; wildcards allowed."),
  from: z
    .enum(["core", "stream"])
    .default("core")
    .describe("`core`: a subscription, lost while the bridge is away. `stream`: a stream keeps it until it is stored."),
  source: sourceSchema.optional().describe("Where messages come from with `from: stream`."),
  kind: z
    .enum(["registration", "request", "reply", "auto", "event", "submission", "raw"])
    .describe(
      "What the subject carries. `auto`: Choria messages of any kind, told apart by what they say. `event`: lifecycle and " +
        "machine events. `submission`: Choria Submit. `raw`: anything.",
    ),
  proof: z
    .enum(["signature", "payload", "hash", "none"])
    .default("signature")
    .describe(
      "Weakest proof accepted. v1 replies never have more than `hash`, submissions `payload`, events and `raw` `none`.",
    ),
  accept: acceptSchema
    .prefault({})
    .describe("What is accepted of what is proven; the rest is refused (`not_accepted`)."),
  enforce: z
    .boolean()
    .default(true)
    .describe(
      "False: judge and count in a queue group of its own, store and quarantine nothing (`choria-bridge-shadow`).",
    ),
  queue: z
    .string()
    .min(1)
    .optional()
    .describe("Queue group shared by the bridges; shadows add `-shadow`. Default: `choria-bridge`."),
  to: z.array(z.string()).min(1).describe("Names in `streams`: every message is stored in each of them."),
});

const streamSchema = z.strictObject({
  connection: z.string().describe("Name in `connections`."),
  name: streamName.optional().describe("Name on the server. Default: the entry's name."),
  subject: templateText().describe(
    "Subject template: {sender} {collective} {agent} {caller} {partition:N}, or go-choria's %s for the sender.",
  ),
  retention: z
    .enum(["workqueue", "limits"])
    .default("workqueue")
    .describe("`workqueue`: gone once done, one job. `limits`: kept, several jobs may read it."),
  storage,
  replicas,
  maxBytes: size().prefault("1GiB").describe("Largest size on disk."),
  maxMessages: z.number().int().min(1).optional().describe("Most messages kept. Default: no limit."),
  maxMessagesPerSubject: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe("Most messages kept per subject. Default: no limit."),
  maxAge: duration().optional().describe("Messages older than this are removed, processed or not. Default: no limit."),
  discard: z.enum(["new", "old"]).default("new").describe("When full: refuse the new message, or drop the oldest."),
  allowLoss: z
    .boolean()
    .default(false)
    .describe("Must be true where the stream may drop unprocessed messages (discard old, or maxAge, on a work queue)."),
  duplicateWindow: duration().prefault("5m").describe("How long the server remembers message ids."),
  body: z
    .enum(["envelope", "payload"])
    .default("envelope")
    .describe("Store go-choria's adapter envelope, or the bare payload."),
  allowUnprovenSender: z
    .boolean()
    .default(false)
    .describe(
      "Allow the sender in the subject although nothing proves it (requests and `auto`, v1 replies, events, unsigned submissions, raw).",
    ),
  inFlight: z.number().int().min(1).max(4_096).default(256).describe("Publishes awaiting their PubAck."),
  buffer: z
    .strictObject({
      maxMessages: z.number().int().min(1).default(20_000).describe("Most messages held."),
      maxBytes: size().prefault("64MiB").describe("Most bytes held."),
      maxAge: duration().prefault("2m").describe("A message that could not be stored for this long is shed."),
    })
    .prefault({})
    .describe(
      "What the bridge holds while the stream is slow, full or away; beyond it the newest are shed and counted. What came " +
        "from a stream waits there instead.",
    ),
});

const retrySchema = z.strictObject({
  policy: z
    .enum(["exponential", "linear", "fixed"])
    .default("exponential")
    .describe("How the delay grows: doubled each time, by the first delay each time, or not at all."),
  delay: duration().prefault("1s").describe("First delay."),
  maxDelay: duration().prefault("5m").describe("Longest delay."),
  attempts: z.number().int().min(1).default(10).describe("Runs in all, the first included; then dead-lettered."),
  crashes: z
    .number()
    .int()
    .min(1)
    .default(5)
    .describe("Runs that ended with their process; then dead-lettered as CRASHED, whatever attempts are left."),
  parkAfter: duration()
    .prefault("1m")
    .describe("A delay longer than this is waited for in the delayed stream, where it holds no delivery back."),
  jitter: z.number().min(0).max(1).default(0.2).describe("Share of the delay that is random."),
});

const jobSchema = z.strictObject({
  stream: z.string().describe("Name in `streams`."),
  filter: subjectText().optional().describe("Subject filter. Default: the whole stream."),
  handler: z
    .string()
    .regex(/^.+\.(?:m?js|ts)#[A-Za-z_$][\w$]*$/, { error: 'must be "path/to/module.js#exportName"' })
    .optional()
    .describe("Module and export that hold a handler made with defineHandler; the path is relative to this file."),
  sink: z.string().optional().describe("Name in `sinks`: republish each message there, instead of a handler."),
  retry: retrySchema.prefault({}).describe("What happens after a run that failed."),
  concurrency: z.number().int().min(1).max(10_000).default(64).describe("Runs at the same time, per worker."),
  timeout: duration().prefault("30s").describe("A run is aborted after this."),
  ackWait: duration()
    .prefault("30s")
    .describe(
      "Lease of a delivered message. Workers renew it while they hold the message; when one dies, others wait this long.",
    ),
  maxAckPending: z.number().int().min(1).default(10_000).describe("Deliveries in flight over all workers."),
  maxDeliver: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe(
      "Most deliveries by the server, whatever became of them: a guard. The sweeper dead-letters what reaches it. Default: no limit.",
    ),
  rate: z
    .strictObject({
      perSecond: z.number().positive().describe("Runs a second, per worker."),
      burst: z.number().int().min(1).default(1).describe("Runs that may start at once after a pause."),
    })
    .optional()
    .describe("Limits how fast runs start. Default: no limit."),
  order: z
    .strictObject({
      backlog: z
        .number()
        .int()
        .min(1)
        .default(1_000)
        .describe("Messages of a partition held back behind keys that wait; beyond it the partition pauses."),
      lease: duration().prefault("15s").describe("How long a partition stays with a worker that has fallen silent."),
    })
    .optional()
    .describe(
      "One message of a key at a time, in their order, retries included; the key is the sender unless the handler names another. The stream's subject must have {partition:N}.",
    ),
});

const sinkSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("jetstream").describe("Republish into a JetStream stream."),
    to: z.string().describe("Name in `streams`: where messages go, under that stream's subject template."),
    once: duration()
      .optional()
      .describe(
        "How long written ids are remembered in a key-value bucket, at two more round trips an output. Default: the stream's duplicateWindow alone.",
      ),
  }),
]);

const functionName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9]{0,39}$/, { error: "a function's name is 1 to 40 letters and digits, a letter first" });

const functionSchema = z.strictObject({
  jobs: z.array(z.string()).min(1).describe("Names in `jobs`: the function runs these and no others."),
  memory: z.number().int().min(128).max(10_240).default(512).describe("Memory in MB; CPU grows with it."),
  timeout: duration().prefault("5m").describe("An invocation is killed after this; a drain ends before."),
  reservedConcurrency: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe("Most invocations at a time, and as many kept free for it. Default: the account's limit."),
  schedule: z
    .string()
    .regex(/^(?:rate|cron)\(.+\)$/, { error: 'must be "rate(1 minute)" or "cron(…)"' })
    .default("rate(1 minute)")
    .describe("When it is woken without a dispatcher, as an EventBridge expression."),
});

const lambdaSchema = z.strictObject({
  functions: z
    .record(functionName, functionSchema)
    .default({})
    .describe(
      "Functions for some of the jobs, by name. Jobs that none of them names are run by the function `consumer`.",
    ),
});

const dispatcherSchema = z.strictObject({
  http: http(9_224),
  functionPrefix: z
    .string()
    .regex(/^[A-Za-z0-9_:.-]{1,100}$/, { error: "must be the beginning of a function's name, or of its ARN" })
    .optional()
    .describe(
      "What stands before `consumer` and the names in `lambda.functions`, service and stage: `choria-bridge-prod-`. " +
        "`choria-bridge dispatch` needs it.",
    ),
  pollEvery: duration()
    .prefault("1s")
    .describe("How often each queue is looked at. A message that is stored is noticed at once."),
  budget: duration()
    .prefault("60s")
    .describe("How long a drain may take; at most 5m, since idle connections are cut after 350 s."),
  maxInvocations: z.number().int().min(1).max(1_000).default(4).describe("Most drains of a job at a time."),
  maxTotalInvocations: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(50)
    .describe("Most drains at a time over all jobs: each is an open connection to AWS."),
  minInterval: duration()
    .prefault("100ms")
    .describe(
      "Shortest time between two starts of a job's drains; what an invocation costs is paid at most that often.",
    ),
  rampUp: duration().prefault("1s").describe("Drains of a job at most double within this."),
  coolDown: duration()
    .prefault("1s")
    .describe("Pause after a drain that failed, or that moved nothing; it doubles up to `maxCoolDown`."),
  maxCoolDown: duration().prefault("30s").describe("Longest pause."),
  targetAge: duration().prefault("5s").describe("Messages that wait longer than this ask for more drains."),
  shutdownTimeout: duration()
    .prefault("5s")
    .describe("Time to wait for running drains after SIGTERM; they end by themselves when nobody waits."),
});

const keptStream = (name: string, maxAge: string, maxBytes: string) => ({
  connection: z.string().optional().describe("Name in `connections`. Default: that of the first stream."),
  name: streamName.default(name).describe("Stream name on the server; its subjects are that name followed by .>"),
  maxAge: duration().prefault(maxAge).describe("Messages older than this are removed."),
  maxBytes: size().prefault(maxBytes).describe("Largest size on disk; beyond it the oldest are removed."),
  storage,
  replicas,
});

export const configSchema = z.strictObject({
  connections: z.record(entryName, connectionSchema).describe("NATS connections, by name."),
  trust: trustSchema.describe("Who is believed."),
  ingest: z.record(entryName, ingestSchema).default({}).describe("What the bridge receives, by name."),
  streams: z.record(entryName, streamSchema).default({}).describe("JetStream streams written to, by name."),
  jobs: z.record(entryName, jobSchema).default({}).describe("What workers and functions process, by name."),
  sinks: z.record(entryName, sinkSchema).default({}).describe("Where processed messages go, by name."),
  quarantine: z
    .strictObject({
      ...keptStream("CHORIA_QUARANTINE", "7d", "256MiB"),
      perSecond: z
        .number()
        .int()
        .min(1)
        .default(200)
        .describe(
          "Most rejected messages kept per second; the rest are only counted. Those of a stream wait, as many for each ingest.",
        ),
    })
    .prefault({})
    .describe("Where rejected messages are kept."),
  deadLetters: z
    .strictObject(keptStream("CHORIA_DEAD", "30d", "1GiB"))
    .prefault({})
    .describe("Where messages go that a job gave up on."),
  audit: z
    .strictObject(keptStream("CHORIA_AUDIT", "365d", "256MiB"))
    .prefault({})
    .describe("Who replayed, dropped, paused or resumed what."),
  delayed: z
    .strictObject({
      name: streamName.default("CHORIA_DELAYED").describe("Stream name on the server."),
      maxBytes: size().prefault("1GiB").describe("Largest size on disk; beyond it delays are waited for in the queue."),
      storage,
      replicas,
    })
    .prefault({})
    .describe("Where messages wait for a long delay; one stream on every connection with a job."),
  advisories: z
    .strictObject({
      name: streamName.default("CHORIA_ADVISORIES").describe("Stream name on the server."),
      maxAge: duration().prefault("7d").describe("Older ones are removed."),
      maxBytes: size().prefault("64MiB").describe("Largest size on disk; beyond it the oldest are removed."),
      storage,
      replicas,
    })
    .prefault({})
    .describe(
      "What the server says about messages whose deliveries are spent; one stream on every connection with a job.",
    ),
  state: z
    .strictObject({
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "a prefix is 1 to 64 letters, digits, '_' or '-'" })
        .default("CHORIA")
        .describe("The key-value buckets are <prefix>_RUNS, <prefix>_STATE and <prefix>_WORKERS."),
      runsMaxAge: duration().prefault("7d").describe("How long the runs of an unsettled message are remembered."),
      storage,
      replicas,
    })
    .prefault({})
    .describe("What workers share: runs spent, owners of partitions, pauses, reports. On every connection with a job."),
  bridge: z
    .strictObject({
      http: http(9_222),
      inFlight: z
        .number()
        .int()
        .min(1)
        .default(16_384)
        .describe(
          "Messages received and not yet validated; beyond it the newest are shed. Half of it is guaranteed, to each ingest an equal part.",
        ),
      inFlightBytes: size()
        .prefault("64MiB")
        .describe(
          "Bytes received and not yet validated, shared out likewise; beyond it the newest are shed. Ingests with `from: stream` share as much again for what they have taken and not yet stored.",
        ),
      shutdownTimeout: duration().prefault("25s").describe("Time to store what is in hand after SIGTERM."),
      spans: z
        .boolean()
        .default(false)
        .describe(
          "A span for each message that is stored, in the OpenTelemetry SDK that is registered; it continues the trace the message carries.",
        ),
    })
    .prefault({})
    .describe("The bridge process."),
  worker: z
    .strictObject({
      http: http(9_223),
      shutdownTimeout: duration().prefault("25s").describe("Time to finish running jobs after SIGTERM."),
      concurrency: z
        .number()
        .int()
        .min(1)
        .optional()
        .describe("Runs at the same time over all jobs of the process. Default: no limit but the jobs' own."),
      sweepEvery: duration().prefault("1m").describe("How often stranded messages are looked for."),
    })
    .prefault({})
    .describe("The worker process."),
  lambda: lambdaSchema.prefault({}).describe("The jobs as AWS Lambda functions (serverless.yml)."),
  dispatcher: dispatcherSchema.prefault({}).describe("The process that wakes the functions when messages wait."),
  log: z
    .strictObject({
      level: z.enum(["debug", "info", "warn", "error"]).default("info").describe("Least severe level written."),
    })
    .prefault({})
    .describe("JSON lines on standard error."),
});

/** A parsed configuration: durations are milliseconds, sizes bytes. Files named in it are not read yet. */
export type Config = z.output<typeof configSchema>;
export type ConnectionConfig = z.output<typeof connectionSchema>;
export type TrustConfig = z.output<typeof trustSchema>;
export type IngestConfig = Config["ingest"][string];
export type StreamConfig = Config["streams"][string];
export type JobConfig = Config["jobs"][string];
