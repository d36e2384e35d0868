import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Registry } from "prom-client";
import { parseAllDocuments, parse as parseYaml } from "yaml";
import { pythonTool } from "../../../scripts/python-tools.ts";
import { fileUses } from "../../../shared/config/files.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { startTelemetry } from "../../../shared/telemetry/http.ts";

const run = promisify(execFile);
const file = fileURLToPath(new URL("../../../docs/deploy/kubernetes.yaml", import.meta.url));

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe: Probe;
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly resources: { readonly requests: object; readonly limits: object };
  readonly securityContext: Record<string, unknown>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface ProjectedSource {
  readonly configMap?: { readonly name: string; readonly items: readonly { key: string; path: string }[] };
  readonly secret?: { readonly name: string; readonly items: readonly { key: string; path: string }[] };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data: Record<string, string>;
  readonly spec: {
    readonly replicas: number;
    readonly minAvailable: number;
    readonly selector: { readonly matchLabels: Record<string, string> };
    readonly template: {
      readonly metadata: { readonly labels: Record<string, string> };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: Record<string, unknown>;
        readonly containers: readonly [Container];
        readonly volumes: readonly { name: string; projected: { sources: readonly ProjectedSource[] } }[];
      };
    };
  };
}

const manifests = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as Manifest);
const deployments = manifests.filter(({ kind }) => kind === "Deployment");
const configMap = manifests.find(({ kind }) => kind === "ConfigMap") ?? assert.fail("no ConfigMap");
const text = configMap.data["bridge.yaml"] ?? "";
const config = parseConfig(text, "bridge.yaml", {});

test("kubernetes-validate accepts every resource, for a new and an old Kubernetes", async () => {
  const validate = await pythonTool("kubernetes-validate");
  assert.ok(validate.ok, validate.ok ? "" : validate.reason);

  for (const version of ["1.37.0", "1.28.0"]) {
    const said: string = await run(validate.path, ["--strict", "-k", version, file]).then(
      ({ stdout, stderr }) => stdout + stderr,
      (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
    );

    assert.equal(said.match(/ passed for resource /g)?.length, manifests.length, said);
  }
});

test("it names no namespace, and runs two bridges, of which a drained node leaves one", () => {
  const budget = manifests.find(({ kind }) => kind === "PodDisruptionBudget");
  const bridge = deployments.find(({ spec }) => spec.template.spec.containers[0].name === "bridge");

  assert.deepEqual(
    manifests.filter(({ metadata }) => metadata.namespace !== undefined),
    [],
  );
  assert.deepEqual(budget?.spec.selector, bridge?.spec.selector);
  assert.ok((budget?.spec.minAvailable ?? 0) < (bridge?.spec.replicas ?? 0));
});

test("every file that the configuration names is in the volume that is mounted beside it", () => {
  const names = fileUses(parseYaml(text)).map(({ name }) => posix.normalize(name));

  assert.ok(names.length >= 5, names.join());
  for (const { spec } of deployments) {
    const [{ projected }] = spec.template.spec.volumes as [Manifest["spec"]["template"]["spec"]["volumes"][number]];
    const items = projected.sources.flatMap((source) => (source.configMap ?? source.secret)?.items ?? []);
    const paths = items.map(({ path }) => path);
    assert.deepEqual(
      names.filter((name) => !paths.includes(name)),
      [],
    );
    const fromConfigMap = projected.sources.flatMap((source) => source.configMap?.items ?? []);
    assert.deepEqual(
      fromConfigMap.filter(({ key }) => configMap.data[key] === undefined),
      [],
    );
  }
});

test("no secret stands in the ConfigMap", () => {
  assert.doesNotMatch(JSON.stringify(configMap.data), /PRIVATE KEY|SEED|NATS USER JWT/);
});

test("the probes ask for paths that are served, on the port that the configuration gives that process", async (t) => {
  const ports = { bridge: config.bridge.http, worker: config.worker.http };
  const ready = { ready: true, reasons: [] };
  const telemetry = await startTelemetry({ host: "127.0.0.1", port: 0 }, new Registry(), () => ready);
  t.after(() => telemetry.close());

  for (const { spec } of deployments) {
    const [{ name, ports: declared, ...container }] = spec.template.spec.containers;
    const http = ports[name as keyof typeof ports];
    assert.deepEqual(declared, [{ name: "http", containerPort: http.port }], name);
    assert.equal(http.host, "0.0.0.0", "the kubelet comes from outside");
    for (const probe of [container.livenessProbe, container.startupProbe, container.readinessProbe]) {
      assert.equal(probe.httpGet.port, "http");
      assert.equal((await fetch(telemetry.url + probe.httpGet.path)).status, 200);
    }
    assert.equal(container.livenessProbe.httpGet.path, "/healthz", "a stream that is away is no reason to restart");
    assert.equal(container.readinessProbe.httpGet.path, "/readyz");
  }
});

test("containers run a command of ours on the mounted configuration, with time to stop in", () => {
  const timeouts = { bridge: config.bridge.shutdownTimeout, worker: config.worker.shutdownTimeout };

  assert.deepEqual(deployments.map(({ spec }) => spec.template.spec.containers[0].name).sort(), ["bridge", "worker"]);
  for (const { spec } of deployments) {
    const { containers, terminationGracePeriodSeconds } = spec.template.spec;
    const [{ name, args, volumeMounts, resources }] = containers;
    assert.deepEqual(args, [name, "--config", `${volumeMounts[0]?.mountPath}/bridge.yaml`]);
    assert.ok(terminationGracePeriodSeconds * 1_000 > timeouts[name as keyof typeof timeouts] + 5_000, name);
    assert.ok("memory" in resources.limits && "cpu" in resources.requests);
    assert.deepEqual(spec.selector.matchLabels, spec.template.metadata.labels);
  }
});

test("pods keep to the restricted Pod Security Standard, and write nothing", () => {
  for (const { spec } of deployments) {
    const { securityContext, containers } = spec.template.spec;
    assert.equal(securityContext["runAsNonRoot"], true);
    assert.ok(Number(securityContext["runAsUser"]) > 0);
    assert.deepEqual(securityContext["seccompProfile"], { type: "RuntimeDefault" });
    assert.deepEqual(containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  }
});
