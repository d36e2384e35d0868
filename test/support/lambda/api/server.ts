import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { LambdaFunction } from "../function.ts";
import type { InvocationRecord } from "../invocation.ts";
import { parseAddress } from "./address.ts";
import { type ApiError, LARGEST_PAYLOAD_BYTES, notFound, serviceError, throttled, unknownOperation } from "./errors.ts";
import { bytesOf, readInvoke } from "./request.ts";

/** Who does what the API is asked for. */
export interface Invoker {
  readonly region: string;
  find(name: string): LambdaFunction | null;
  /** Runs it now, or says that it was throttled. */
  invoke(fn: LambdaFunction, arn: string, payload: string): Promise<InvocationRecord>;
  /** Puts it into the queue of events; returns its request id. */
  enqueue(fn: LambdaFunction, arn: string, payload: string): string;
  /** The end of its log in base64. */
  logTail(record: InvocationRecord): string;
}

type Reply = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string };

const PATH = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;

/** The Invoke operation of the Lambda API (API reference, version 2015-03-31) on a local port. */
export class ApiServer {
  readonly #server: Server;
  readonly #invoker: Invoker;

  private constructor(invoker: Invoker) {
    this.#invoker = invoker;
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  static async open(invoker: Invoker, port: number): Promise<ApiServer> {
    const api = new ApiServer(invoker);
    api.#server.listen(port, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = await this.#reply(request).catch(serviceError);
    const { status, headers, body: text } = "type" in reply ? errorReply(reply) : reply;
    const requestId = headers["x-amzn-RequestId"] ?? randomUUID();
    response.writeHead(status, { ...headers, "x-amzn-RequestId": requestId }).end(text);
  }

  async #reply(request: IncomingMessage): Promise<Reply | ApiError> {
    const body = await bytesOf(request, LARGEST_PAYLOAD_BYTES.RequestResponse);
    const url = new URL(request.url ?? "/", "http://lambda");
    const name = PATH.exec(url.pathname)?.[1];
    if (request.method !== "POST" || name === undefined) return unknownOperation();
    const { region } = this.#invoker;
    const address = parseAddress(decodeURIComponent(name), url.searchParams.get("Qualifier"), region);
    if ("status" in address) return address;
    const fn = this.#invoker.find(address.name);
    if (fn === null) return notFound(address.arn);
    const wanted = readInvoke(request.headers, body);
    if ("status" in wanted) return wanted;
    switch (wanted.type) {
      case "DryRun":
        return { status: 204, headers: {}, body: "" };
      case "Event":
        return accepted(this.#invoker.enqueue(fn, address.arn, wanted.payload));
      default:
        return this.#answer(await this.#invoker.invoke(fn, address.arn, wanted.payload), wanted.logTail);
    }
  }

  #answer(record: InvocationRecord, logTail: boolean): Reply | ApiError {
    if (record.throttled !== null) return throttled(record.throttled);
    const headers = {
      "Content-Type": "application/json",
      "x-amzn-RequestId": record.requestId,
      "X-Amz-Executed-Version": "$LATEST",
      // "Handled" is history: the managed runtimes have long reported everything as unhandled.
      ...(record.outcome === "ok" ? {} : { "X-Amz-Function-Error": "Unhandled" }),
      ...(logTail ? { "X-Amz-Log-Result": this.#invoker.logTail(record) } : {}),
    };
    return { status: 200, headers, body: record.payload ?? "null" };
  }
}

function accepted(requestId: string): Reply {
  return { status: 202, headers: { "x-amzn-RequestId": requestId }, body: "" };
}

function errorReply({ status, type, body, headers }: ApiError): Reply {
  const own = { "Content-Type": "application/json", "x-amzn-ErrorType": type };
  return { status, headers: { ...own, ...headers }, body: JSON.stringify(body) };
}
