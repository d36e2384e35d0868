import type { Kind } from "./message.ts";
import type { SecureReply, SecureRequest } from "./wire/secure.ts";
import type { Transport } from "./wire/transport.ts";

/** A request or registration whose outer layers are open; `auto`: it is taken for what it says it is. */
export interface SecuredRequest {
  readonly transport: Transport;
  readonly secure: SecureRequest;
  readonly kind: Kind | "auto";
}

/** A reply whose outer layers are open. */
export interface SecuredReply {
  readonly transport: Transport;
  readonly secure: SecureReply;
}
