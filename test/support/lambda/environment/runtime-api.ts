import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Answer } from "../invocation.ts";
import { answerTooLarge, LARGEST_ANSWER_BYTES } from "./failures.ts";

/** An invocation as the runtime is told of it. */
export interface Delivery {
  readonly requestId: string;
  readonly arn: string;
  readonly payload: string;
  /** Unix time in ms. */
  readonly deadlineAt: number;
}

/** Called as the runtime speaks. */
export interface RuntimeListener {
  /** It asks for an invocation: it has started, or is done with the one before. */
  ready(): void;
  answered(answer: Answer): void;
  initFailed(answer: Answer): void;
}

const PREFIX = "/2018-06-01/runtime";

/** The Runtime API of one environment (Lambda guide, "Using the Lambda runtime API for custom runtimes"). */
export class RuntimeApi {
  readonly #server: Server;
  readonly #listener: RuntimeListener;
  /** The runtime's open request for an invocation. */
  #next: ServerResponse | null = null;
  /** What it has and has not answered yet. */
  #requestId: string | null = null;

  private constructor(listener: RuntimeListener) {
    this.#listener = listener;
    this.#server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
      this.#handle(request, response).catch(() => response.destroy()); // the process went in the middle
    });
  }

  static async open(listener: RuntimeListener): Promise<RuntimeApi> {
    const api = new RuntimeApi(listener);
    api.#server.listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  /** The value of `AWS_LAMBDA_RUNTIME_API`. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answers the runtime's open request for an invocation. */
  deliver({ requestId, arn, payload, deadlineAt }: Delivery): void {
    if (this.#next === null) throw new Error("the runtime has not asked for an invocation");
    this.#requestId = requestId;
    this.#next.writeHead(200, {
      "Content-Type": "application/json",
      "Lambda-Runtime-Aws-Request-Id": requestId,
      "Lambda-Runtime-Deadline-Ms": String(deadlineAt),
      "Lambda-Runtime-Invoked-Function-Arn": arn,
    });
    this.#next.end(payload);
    this.#next = null;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const call = `${request.method} ${request.url}`;
    if (call === `GET ${PREFIX}/invocation/next`) {
      this.#next = response;
      return this.#listener.ready();
    }
    if (call === `POST ${PREFIX}/init/error`) {
      accept(response);
      return this.#listener.initFailed({ outcome: "error", payload: body.toString() });
    }
    const answer = /^POST (.+)\/invocation\/([^/]+)\/(response|error)$/.exec(call);
    if (answer === null || answer[1] !== PREFIX) return refuse(response, 404, "NotFound", call);
    if (answer[2] !== this.#requestId) return refuse(response, 400, "InvalidRequestID", "not what was handed out");
    this.#requestId = null;
    this.#answer(answer[3] === "response", body, response);
  }

  #answer(ok: boolean, body: Buffer, response: ServerResponse): void {
    const fits = body.length <= LARGEST_ANSWER_BYTES;
    this.#listener.answered(fits ? { outcome: ok ? "ok" : "error", payload: body.toString() } : answerTooLarge());
    if (fits) accept(response);
    else refuse(response, 413, "RequestEntityTooLarge", "exceeded maximum allowed payload size");
  }
}

function accept(response: ServerResponse): void {
  response.writeHead(202, { "Content-Type": "application/json" }).end('{"status":"OK"}');
}

function refuse(response: ServerResponse, status: number, errorType: string, errorMessage: string): void {
  const body = JSON.stringify({ errorType, errorMessage });
  response.writeHead(status, { "Content-Type": "application/json" }).end(body);
}
