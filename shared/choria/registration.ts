import { goJson } from "./compose.ts";

/** Payloads of the two registration plugins [go-choria providers/registration], field order as on the wire. */

/** `gzip`: the bytes are gzipped already (the default of go-choria); compressing is the caller's effect. */
export interface RegistrationContent {
  readonly encoding: "plain" | "gzip";
  readonly bytes: Uint8Array;
}

/** Payload of `inventory_content`: plain content stands inline as JSON, gzipped content as base64. */
export function inventoryPayload(content: RegistrationContent): string {
  const protocol = '{"protocol":"choria:registration:inventorycontent:1"';
  if (content.encoding === "gzip") return `${protocol},"zcontent":"${Buffer.from(content.bytes).toString("base64")}"}`;
  return `${protocol},"content":${Buffer.from(content.bytes).toString("utf8")}}`;
}

export interface RegistrationFile {
  readonly path: string;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
  /** Changed since it was last sent. */
  readonly updated: boolean;
}

/** Payload of `file_content`: both forms are base64. */
export function filePayload(file: RegistrationFile, content: RegistrationContent): string {
  return goJson({
    mtime: file.modifiedAt,
    file: file.path,
    updated: file.updated,
    protocol: "choria:registration:filecontent:1",
    [content.encoding === "gzip" ? "zcontent" : "content"]: Buffer.from(content.bytes).toString("base64"),
  });
}
