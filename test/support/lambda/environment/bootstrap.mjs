// The runtime inside an environment: loads the handler and runs it for one invocation after the other, like the managed
// Node.js runtime (aws-lambda-nodejs-runtime-interface-client, of which it is the part that async handlers use).
import { existsSync } from "node:fs";
import { Agent, request } from "node:http";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { format, types } from "node:util";

const { env } = process;
const API = `http://${env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
const agent = new Agent({ keepAlive: true });
env.AWS_EXECUTION_ENV = `AWS_Lambda_nodejs${process.versions.node.split(".")[0]}.x`;

/** The invocation that runs; null before the first and between two. */
let requestId = null;
let initialised = false;

class RuntimeError extends Error {
  constructor(name, message, options) {
    super(message, options);
    this.name = `Runtime.${name}`;
  }
}

function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(`${API}${path}`, { method, agent, headers }, async (response) => {
      try {
        const chunks = await response.toArray();
        resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() });
      } catch (error) {
        reject(error);
      }
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** The form in which Lambda shows errors to callers. */
function describe(error) {
  if (!types.isNativeError(error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
}

function report(path, error) {
  const described = describe(error);
  console.error(
    `${error?.name?.startsWith("Runtime.") ? "Uncaught Exception" : "Invoke Error"}`,
    JSON.stringify(described),
  );
  const type = encodeURIComponent(described.errorType ?? "Error");
  return call("POST", path, JSON.stringify(described), { "Lambda-Runtime-Function-Error-Type": type });
}

/** console.log() is prefixed, process.stdout.write() is not: metrics in CloudWatch's embedded format need the latter. */
function prefixConsole() {
  const levels = { log: "INFO", info: "INFO", debug: "DEBUG", trace: "TRACE", warn: "WARN", error: "ERROR" };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...values) => {
      const text = format(...values).replaceAll("\n", "\r"); // one record per call
      process.stdout.write(`${new Date().toISOString()}\t${requestId ?? "undefined"}\t${level}\t${text}\n`);
    };
  }
}

async function loadHandler() {
  const { LAMBDA_TASK_ROOT: root, _HANDLER: handler } = env;
  const [, name, path] = /^([^.]*)\.(.+)$/.exec(basename(handler)) ?? [];
  if (name === undefined || handler.includes("..")) throw new RuntimeError("MalformedHandlerName", "Bad handler");
  const file = join(root, dirname(handler), name);
  const found = [".js", ".mjs", ".cjs"].map((extension) => file + extension).find(existsSync);
  if (found === undefined) {
    const module = join(dirname(handler), name);
    throw new RuntimeError("ImportModuleError", `Error: Cannot find module '${module}' in ${root}`);
  }
  const exported = path.split(".").reduce((value, key) => value?.[key], await load(found));
  if (typeof exported === "function") return exported;
  throw new RuntimeError("HandlerNotFound", `${handler} is undefined or not exported`);
}

async function load(file) {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError("UserCodeSyntaxError", String(error), { cause: error });
    if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new RuntimeError("ImportModuleError", String(error), { cause: error });
  }
}

function contextOf(headers) {
  const deadlineAt = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    awsRequestId: requestId,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => deadlineAt - Date.now(),
  };
}

async function invokeNext(handler) {
  const { headers, body } = await call("GET", "/invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  const path = `/invocation/${requestId}`;
  try {
    const result = await handler(JSON.parse(body), contextOf(headers));
    const text = JSON.stringify(result === undefined ? null : result) ?? "null";
    await call("POST", `${path}/response`, text, { "Content-Type": "application/json" });
  } catch (error) {
    await report(`${path}/error`, error);
  }
  requestId = null;
}

/** What nobody caught ends the process; the invocation that ran is told why. */
async function die(error, code) {
  const path = initialised ? (requestId === null ? null : `/invocation/${requestId}/error`) : "/init/error";
  try {
    if (path !== null) await report(path, error);
    else console.error("Uncaught Exception", error);
  } finally {
    process.exit(code);
  }
}

process.on("uncaughtException", (error) => die(error, 129));
process.on("unhandledRejection", (reason) => {
  die(new RuntimeError("UnhandledPromiseRejection", String(reason), { cause: reason }), 128);
});

prefixConsole();
try {
  const handler = await loadHandler();
  initialised = true;
  for (;;) await invokeNext(handler);
} catch (error) {
  await die(error, 1);
}
