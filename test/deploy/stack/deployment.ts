import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { startMoto } from "../../support/moto.ts";
import { readDeployed } from "./aws.ts";
import { copyCheckout, type Env, serverless } from "./checkout.ts";

/** A checkout, an empty AWS, and serverless between the two. */
export async function startDeployment(t: TestContext, prefix: string, more: Env = {}) {
  const checkout = await copyCheckout(t);
  const moto = await startMoto(t);
  const env = { ...moto.env, SLS_AWS_MONITORING_FREQUENCY: "200", ...more };
  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, output } = await serverless(checkout, args, env);
    assert.equal(code, 0, output);
    return output;
  };
  return { checkout, env, run, read: () => readDeployed(prefix, env) };
}
