import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { elementAt } from "../../../shared/choria/x509/der.ts";
import { canonicalName, canonicalSubject } from "../../../shared/choria/x509/name.ts";
import { der } from "../../support/certificates.ts";
import { vectorFile } from "../../support/vectors.ts";

const ORGANISATION = Buffer.from("060355040a", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");
const UTF8 = 0x0c;
const PRINTABLE = 0x13;
const BMP = 0x1e;

type Attribute = Buffer;

const attribute = (type: Buffer, text: string | Buffer, tag = UTF8): Attribute =>
  der(0x30, type, der(tag, Buffer.from(text)));
const cn = (text: string | Buffer, tag = UTF8) => attribute(COMMON_NAME, text, tag);
const o = (text: string) => attribute(ORGANISATION, text);
const set = (...attributes: readonly Attribute[]) => der(0x31, ...attributes);
const canonical = (sets: readonly Buffer[]) => {
  const name = der(0x30, ...sets);
  return canonicalName(name, elementAt(name, 0, name.length));
};

const same: readonly [what: string, one: readonly Buffer[], other: readonly Buffer[]][] = [
  ["string type", [set(cn("Fleet CA"))], [set(cn("Fleet CA", PRINTABLE))]],
  ["string type of two bytes", [set(cn("Fleet CA"))], [set(cn(Buffer.from("Fleet CA", "utf16le").swap16(), BMP))]],
  ["letter case", [set(cn("FLEET ca"))], [set(cn("Fleet CA"))]],
  ["white space", [set(cn(" Fleet  CA "))], [set(cn("Fleet CA"))]],
  ["order within a set", [set(cn("a"), o("b"))], [set(o("b"), cn("a"))]],
];

for (const [what, one, other] of same) {
  test(`names that differ in ${what} alone are the same`, () => {
    assert.equal(canonical(one), canonical(other));
  });
}

const different: readonly [what: string, one: readonly Buffer[], other: readonly Buffer[]][] = [
  ["value", [set(cn("a"))], [set(cn("b"))]],
  ["attribute", [set(cn("a"))], [set(o("a"))]],
  ["order", [set(cn("a")), set(o("b"))], [set(o("b")), set(cn("a"))]],
  ["sets", [set(cn("a"), o("b"))], [set(cn("a")), set(o("b"))]],
  ["length", [set(cn("a"))], [set(cn("a")), set(cn("a"))]],
  ["bytes that are no text", [set(cn("a", 0x04))], [set(cn("#4 61"))]],
];

for (const [what, one, other] of different) {
  test(`names that differ in ${what} are two`, () => {
    assert.notEqual(canonical(one), canonical(other));
  });
}

test("the subject of a certificate is what is read of it, and no other of its names", () => {
  const leaf = canonicalSubject(new X509Certificate(vectorFile("keys/v1-client.pem"))) ?? "";
  const ca = canonicalSubject(new X509Certificate(vectorFile("keys/v1-ca.pem"))) ?? "";
  assert.match(leaf, /rip\.mcollective/);
  assert.doesNotMatch(leaf, /vector ca shared/);
  assert.match(ca, /vector ca shared/);
});
