import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { lint, type PolicyStatement } from "./aws.ts";
import { copyCheckout, type Ended, readJson, serverless, zipsIn } from "./checkout.ts";
import { writeProdConfig } from "./prod.ts";

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

const TEMPLATE = "cloudformation-template-update-stack.json";

async function readTemplate(folder: string) {
  const template = await readJson<{ Resources: Record<string, Resource> }>(folder, TEMPLATE);
  const resources = Object.values(template.Resources);
  return {
    of: (type: string) => resources.filter(({ Type }) => Type === type).map(({ Properties }) => Properties),
    function: (name: string) => template.Resources[`${name}LambdaFunction`]!.Properties,
    role: template.Resources["IamRoleLambdaExecution"]!.Properties,
    resource: (id: string) => template.Resources[id]!.Properties,
  };
}

function assertPackaged({ code, output }: Ended) {
  assert.equal(code, 0, output);
}

/** The one policy of the role. */
function statementsOf(role: Readonly<Record<string, unknown>>): readonly PolicyStatement[] {
  assert.equal(role["ManagedPolicyArns"], undefined);
  const policies = role["Policies"] as readonly { PolicyDocument: { Statement: readonly PolicyStatement[] } }[];
  assert.equal(policies.length, 1);
  return policies[0]!.PolicyDocument.Statement;
}

test("the package for dev has three functions with their limits, a role that may hardly anything, and alarms", async (t) => {
  const checkout = await copyCheckout(t);

  assertPackaged(await serverless(checkout, ["package", "--param=natsUrl=nats://nats.test:4222"]));

  const folder = join(checkout, ".serverless");
  const template = await readTemplate(folder);
  assert.deepEqual(template.function("Consumer"), {
    ...template.function("Consumer"),
    FunctionName: "choria-bridge-dev-consumer",
    Handler: ".build/lambda/consumer/consumer.handler",
    Runtime: "nodejs24.x",
    Architectures: ["arm64"],
    MemorySize: 512,
    Timeout: 90,
    ReservedConcurrentExecutions: 2,
    DeadLetterConfig: { TargetArn: { Ref: "DeadLetterTopic" } },
    Environment: {
      Variables: {
        NATS_URL: "nats://nats.test:4222",
        CHORIA_BRIDGE_SERVICE: "choria-bridge-dev",
        NODE_OPTIONS: "--enable-source-maps",
      },
    },
  });
  const functions = template.of("AWS::Lambda::Function");
  assert.deepEqual(functions.map((one) => one["FunctionName"]).sort(), [
    "choria-bridge-dev-consumer",
    "choria-bridge-dev-replay",
    "choria-bridge-dev-sweeper",
  ]);
  for (const one of functions) {
    assert.equal(one["VpcConfig"], undefined);
    assert.deepEqual(one["DeadLetterConfig"], { TargetArn: { Ref: "DeadLetterTopic" } });
  }
  const retries = template.of("AWS::Lambda::EventInvokeConfig");
  assert.deepEqual(
    retries.map((one) => [one["MaximumRetryAttempts"], one["MaximumEventAgeInSeconds"]]),
    functions.map(() => [0, 60]),
  );
  assert.deepEqual(
    template
      .of("AWS::Events::Rule")
      .map((rule) => rule["ScheduleExpression"])
      .sort(),
    ["rate(5 minutes)", "rate(5 minutes)"],
  );
  assert.deepEqual(
    template.of("AWS::Logs::LogGroup").map((group) => group["RetentionInDays"]),
    [7, 7, 7],
  );
  assert.deepEqual(statementsOf(template.role), [
    {
      Sid: "WriteLogs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: ["Consumer", "Sweeper", "Replay"].map((name) => ({ "Fn::GetAtt": [`${name}LogGroup`, "Arn"] })),
    },
    {
      Sid: "TellOfLostInvocations",
      Effect: "Allow",
      Action: ["sns:Publish"],
      Resource: [{ Ref: "DeadLetterTopic" }],
    },
  ]);
  assert.deepEqual(
    template
      .of("AWS::CloudWatch::Alarm")
      .map((alarm) => alarm["AlarmName"])
      .sort(),
    [
      "choria-bridge-dev-consumer-errors",
      "choria-bridge-dev-consumer-throttles",
      "choria-bridge-dev-facts-age",
      "choria-bridge-dev-replay-errors",
      "choria-bridge-dev-replay-throttles",
      "choria-bridge-dev-republish-age",
      "choria-bridge-dev-stranded",
      "choria-bridge-dev-sweeper-errors",
      "choria-bridge-dev-sweeper-throttles",
      "choria-bridge-dev-swept",
    ],
  );
  const age = template.resource("FactsAgeAlarm");
  assert.deepEqual(
    [age["Namespace"], age["MetricName"], age["Dimensions"], age["Threshold"], age["AlarmActions"]],
    ["choria-bridge", "OldestMessageAge", dimensions({ Service: "choria-bridge-dev", Job: "facts" }), 1800, []],
  );
  for (const [metric, silence] of Object.entries({ Stranded: "missing", Swept: "notBreaching" })) {
    const alarm = template.resource(`${metric}Alarm`);
    assert.deepEqual(
      [alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"], alarm["Threshold"], alarm["TreatMissingData"]],
      ["choria-bridge", metric, dimensions({ Service: "choria-bridge-dev", Function: "sweeper" }), 0, silence],
    );
  }
  assert.match(String(template.resource("SweptAlarm")["AlarmDescription"]), /they are among the dead letters/);
  assert.match(String(template.resource("StrandedAlarm")["AlarmDescription"]), /could not be taken away/);
  const errors = template.resource("SweeperErrorsAlarm");
  assert.deepEqual(
    [errors["Namespace"], errors["MetricName"], errors["Dimensions"]],
    ["AWS/Lambda", "Errors", dimensions({ FunctionName: "choria-bridge-dev-sweeper" })],
  );
  const zips = await zipsIn(folder);
  assert.deepEqual(
    [...zips].map(([zip, files]) => [zip, [...files.keys()].sort()]),
    [
      ["consumer.zip", inFolder("consumer", "config.json", "consumer.mjs", "consumer.mjs.map")],
      ["replay.zip", inFolder("replay", "config.json", "replay.mjs", "replay.mjs.map")],
      ["sweeper.zip", inFolder("sweeper", "config.json", "sweeper.mjs", "sweeper.mjs.map")],
    ],
  );
  assert.equal(await lint(join(folder, TEMPLATE)), "");
});

test("a group of jobs is a function with its own handlers; secrets, key and VPC are all that the role gains", async (t) => {
  const checkout = await copyCheckout(t);
  const env = { CHORIA_BRIDGE_CONFIG: await writeProdConfig(checkout) };
  const parameters = {
    natsUrl: "tls://nats.test:4222",
    kmsKey: "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000",
    subnets: "subnet-11111111, subnet-22222222",
    securityGroups: "sg-11111111",
    alarmTopic: "arn:aws:sns:us-east-1:123456789012:operators",
    concurrency: "7",
  };
  const options = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);

  assertPackaged(await serverless(checkout, ["package", "--stage=prod", ...options], env));

  const folder = join(checkout, ".serverless");
  const template = await readTemplate(folder);
  const reports = template.function("Reports");
  assert.deepEqual(
    [reports["Handler"], reports["MemorySize"], reports["Timeout"], reports["ReservedConcurrentExecutions"]],
    [".build/lambda/reports/reports.handler", 384, 120, 3],
  );
  assert.equal(template.function("Consumer")["ReservedConcurrentExecutions"], 7);
  for (const one of template.of("AWS::Lambda::Function")) {
    assert.deepEqual(one["VpcConfig"], {
      SecurityGroupIds: ["sg-11111111"],
      SubnetIds: ["subnet-11111111", "subnet-22222222"],
    });
  }
  assert.deepEqual(
    template
      .of("AWS::Events::Rule")
      .map((rule) => rule["ScheduleExpression"])
      .sort(),
    ["rate(1 minute)", "rate(2 minutes)", "rate(5 minutes)"],
  );
  const gained = statementsOf(template.role).slice(2);
  assert.deepEqual(
    gained.map(({ Sid, Action, Resource }) => [Sid, Action[0], Resource]),
    [
      [
        "ReadParameters",
        "ssm:GetParameters",
        [sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/choria-bridge-prod/nats.creds")],
      ],
      [
        "ReadSecrets",
        "secretsmanager:GetSecretValue",
        [sub("arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:nats/client-??????")],
      ],
      ["DecryptSecrets", "kms:Decrypt", [parameters.kmsKey]],
      ["BeInVpc", "ec2:CreateNetworkInterface", "*"],
    ],
  );
  const toldOf = ["StrandedAlarm", "SweptAlarm"].map((id) => {
    const { AlarmActions, InsufficientDataActions } = template.resource(id);
    return [AlarmActions, InsufficientDataActions];
  });
  assert.deepEqual(toldOf, [
    [[parameters.alarmTopic], [parameters.alarmTopic]],
    [[parameters.alarmTopic], []],
  ]);
  const zips = await zipsIn(folder);
  const bundleOf = (name: string) => String(zips.get(`${name}.zip`)?.get(`.build/lambda/${name}/${name}.mjs`));
  assert.match(bundleOf("reports"), /NO_FACTS/);
  assert.doesNotMatch(bundleOf("consumer"), /NO_FACTS/, "the handler of another function's job");
  const packed = JSON.parse(String(zips.get("reports.zip")?.get(".build/lambda/reports/config.json")));
  const { ca } = packed.config.connections.jetstream.tls;
  assert.match(String(zips.get("reports.zip")?.get(`.build/lambda/reports/${ca}`)), /BEGIN CERTIFICATE/);
  assert.equal(await lint(join(folder, TEMPLATE)), "");
});

function inFolder(name: string, ...files: readonly string[]): readonly string[] {
  return files.map((file) => `.build/lambda/${name}/${file}`);
}

function sub(text: string) {
  return { "Fn::Sub": text };
}

function dimensions(named: Readonly<Record<string, string>>) {
  return Object.entries(named).map(([Name, Value]) => ({ Name, Value }));
}
