import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import * as z from "zod";
import { BRIDGE_METRICS } from "../../../shared/telemetry/metrics.ts";
import { problemsOfQuery, readQuery } from "../../support/promql.ts";

const docs = new URL("../../../docs/", import.meta.url);

const Position = z.object({ x: z.number(), y: z.number(), w: z.number().min(1), h: z.number().min(1) });
const Target = z.object({ expr: z.string(), legendFormat: z.string(), refId: z.string() });
const Panel = z.object({
  id: z.number(),
  type: z.string(),
  title: z.string().min(1),
  gridPos: Position,
  datasource: z.object({ uid: z.literal("${datasource}") }).optional(),
  targets: z.array(Target).default([]),
});
const Dashboard = z.object({
  uid: z.string(),
  schemaVersion: z.number().min(39),
  panels: z.array(Panel),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.string(), definition: z.string().optional() })),
  }),
});
const Rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Choria[A-Za-z]+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+[smh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(["critical", "warning", "info"]) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
});

const dashboard = Dashboard.parse(JSON.parse(readFileSync(new URL("grafana/choria-bridge.json", docs), "utf8")));
const alerts = Rules.parse(parse(readFileSync(new URL("prometheus/alerts.yaml", docs), "utf8"))).groups.flatMap(
  ({ rules }) => rules,
);
const targets = dashboard.panels.flatMap((panel) => panel.targets.map((target) => ({ panel, ...target })));

test("every query of the dashboard names metrics and labels that exist", () => {
  assert.ok(targets.length > 50, "they are still found");

  const problems = targets.flatMap(({ panel, expr }) =>
    problemsOfQuery(expr).map((problem) => `${panel.title}: ${problem}`),
  );

  assert.deepEqual(problems, []);
});

test("every metric of the bridge is on the dashboard or in an alert", () => {
  const asked = [...targets, ...alerts].map(({ expr }) => expr).join("\n");

  const unseen = Object.values(BRIDGE_METRICS).filter(
    ({ name }) => !new RegExp(`\\b${name}(?:_bucket)?\\b`).test(asked),
  );

  assert.deepEqual(
    unseen.map(({ name }) => name),
    [],
  );
});

test("legends name labels that their query keeps", () => {
  const broken = targets.filter(({ expr, legendFormat }) => {
    const { grouped } = readQuery(expr);
    return [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].some(([, label = ""]) => !grouped.includes(label));
  });

  assert.deepEqual(
    broken.map(({ panel, legendFormat }) => `${panel.title}: ${legendFormat}`),
    [],
  );
});

test("the dashboard's panels have ids of their own, fit the grid and do not overlap", () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);

  const wide = panels.filter(({ gridPos: { x, w } }) => x < 0 || x + w > 24);
  const overlapping = panels.flatMap((panel, index) =>
    panels
      .slice(index + 1)
      .filter((other) => overlap(panel.gridPos, other.gridPos))
      .map((other) => [panel.title, other.title]),
  );

  assert.deepEqual([wide, overlapping], [[], []]);
});

test("every panel but a row asks something, of the data source that is chosen", () => {
  const silent = dashboard.panels.filter(
    ({ type, targets: asked, datasource }) => type !== "row" && (asked.length === 0 || datasource === undefined),
  );

  assert.deepEqual(
    silent.map(({ title }) => title),
    [],
  );
});

test("variables that queries use are defined, and ask for a metric that exists", () => {
  const { list } = dashboard.templating;
  const used = targets.flatMap(({ expr }) => [...expr.matchAll(/\$(\w+)/g)].map(([, name = ""]) => name));
  const known = [...list.map(({ name }) => name), "__rate_interval"];

  assert.deepEqual(
    used.filter((name) => !known.includes(name)),
    [],
  );
  const definitions = list.flatMap(({ definition }) => (definition === undefined ? [] : [definition]));
  assert.equal(definitions.length, 1);
  for (const definition of definitions) {
    const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
    assert.deepEqual(problemsOfQuery(`sum by (${label}) (rate(${metric}[5m]))`), []);
  }
});

test("every alert names metrics and labels that exist, and has a name of its own", () => {
  assert.ok(alerts.length >= 10, "they are still found");
  assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length);

  const problems = alerts.flatMap(({ alert, expr }) => problemsOfQuery(expr).map((problem) => `${alert}: ${problem}`));

  assert.deepEqual(problems, []);
});

test("alerts tell only labels that their query keeps", () => {
  const broken = alerts.filter(({ expr, annotations: { summary, description } }) => {
    const { grouped } = readQuery(expr);
    const told = [...`${summary} ${description}`.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label);
    return told.some((label) => !grouped.includes(label));
  });

  assert.deepEqual(
    broken.map(({ alert }) => alert),
    [],
  );
});

for (const [expression, problem] of [
  ["sum(rate(choria_bridge_recieved_total[5m]))", /is no metric/],
  ["sum by (job) (rate(choria_bridge_received_total[5m]))", /has no label "job"/],
  ['sum(rate(choria_bridge_received_total{stream="a"}[5m]))', /has no label "stream"/],
  ["sum by (le) (rate(choria_bridge_job_run_seconds[5m]))", /is no metric/],
  ["sum by (le) (rate(choria_bridge_job_run_seconds_sum[5m]))", /has no label "le"/],
  ["sum(choria_bridge_received_total)", /is counted/],
  ["sum(rate(choria_bridge_job_held[5m]))", /is a gauge/],
  ["sum(rate(choria_bridge_received_total[5m])", /parentheses/],
  ["summ(rate(choria_bridge_received_total[5m]))", /is no function/],
  ["1 + 1", /names no metric/],
] as const) {
  test(`the check of queries sees what is wrong with ${expression}`, () => {
    assert.match(problemsOfQuery(expression).join("\n"), problem);
  });
}

function overlap(a: z.output<typeof Position>, b: z.output<typeof Position>): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
