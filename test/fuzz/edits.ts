import { type Fields, parseObject } from "./layers.ts";

/** One change, in numbers only: fast-check makes them smaller until the failure goes away. */
export interface Step {
  readonly edit: number;
  /** 0: transport, 1: secure document, 2: the signed document. */
  readonly layer: number;
  readonly at: number;
  readonly pick: number;
}

export interface Edited {
  readonly bytes: Buffer;
  readonly step: Step;
  /** The same layer of another specimen. */
  readonly donor: Buffer;
}

type Edit = (edited: Edited) => Buffer;

/** Values that readers disagree about, or that break something. */
const AWKWARD: readonly string[] = [
  ...["null", "true", "0", "-1", "1e999", "60.0", "6e1", "9223372036854775808", "1780315200", "[]", "{}", '""'],
  ...['"\\ud800"', '"\\u0000"', '"*"', '">"', '"a b"', '"../x"', '"__proto__"', '"node2.example.net"'],
  ...['"choria=rip.mcollective"', '"registration"', '"insecure"', '"aW5zZWN1cmU="', '"insecure registration"'],
  ...['"choria:secure:reply:1"', '"io.choria.protocol.v2.secure_reply"', '"choria:request:1"', '"choria:reply:1"'],
  ...['"io.choria.lifecycle.v1.alive"', '"1.0"', '"mcollective"', '"dev.null"', '"\u017f"', '"\u212a"'],
];
const AWKWARD_BYTES = Buffer.from('"\\{}[],:0\u0000', "latin1");

const offset = ({ bytes, step }: Edited, room = 0): number =>
  bytes.length === 0 ? 0 : step.at % (bytes.length + room);

const flipBit: Edit = (edited) => {
  const bytes = Buffer.from(edited.bytes);
  const at = offset(edited);
  if (bytes.length > 0) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (edited.step.pick & 7)), at);
  return bytes;
};
const replaceByte: Edit = (edited) => {
  const bytes = Buffer.from(edited.bytes);
  const { pick } = edited.step;
  if (bytes.length > 0) bytes.writeUInt8(pick % 3 === 0 ? pick & 0xff : awkwardByte(pick), offset(edited));
  return bytes;
};
const insertByte: Edit = (edited) =>
  splice(edited.bytes, offset(edited, 1), 0, Buffer.of(awkwardByte(edited.step.pick)));
const removeRange: Edit = (edited) => splice(edited.bytes, offset(edited), 1 + (edited.step.pick % 16));
const repeatRange: Edit = (edited) => {
  const at = offset(edited);
  return splice(edited.bytes, at, 0, edited.bytes.subarray(at, at + 1 + (edited.step.pick % 64)));
};
const truncate: Edit = (edited) => edited.bytes.subarray(0, offset(edited));
const byteOrderMark: Edit = ({ bytes }) => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), bytes]);
const trailing: Edit = ({ bytes, step }) => Buffer.concat([bytes, Buffer.from(step.pick % 2 === 0 ? " \n" : "{}")]);

function awkwardByte(pick: number): number {
  return AWKWARD_BYTES[pick % AWKWARD_BYTES.length] ?? 0;
}

function splice(bytes: Buffer, at: number, remove: number, insert: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
}

/** A document written again with more space: the same to every reader. */
const respace: Edit = ({ bytes, step }) => {
  const fields = parseObject(bytes);
  return fields === null ? bytes : Buffer.from(JSON.stringify(fields, null, 1 + (step.pick % 4)));
};

/** An object of the document and the name of one of its fields; nested ones are as likely as the root. */
function fieldOf(root: Fields, { at, pick }: Step): { readonly object: Fields; readonly name: string } | null {
  const nested = Object.values(root).filter((value) => typeof value === "object" && value !== null);
  const objects = [root, ...nested] as Fields[];
  const object = objects[pick % objects.length] ?? root;
  const names = Object.keys(object);
  const name = names[at % Math.max(1, names.length)];
  return name === undefined ? null : { object, name };
}

function withFields(change: (field: { object: Fields; name: string; edited: Edited }) => void): Edit {
  return (edited) => {
    const root = parseObject(edited.bytes);
    const field = root === null ? null : fieldOf(root, edited.step);
    if (root === null || field === null) return edited.bytes;
    change({ ...field, edited });
    return Buffer.from(JSON.stringify(root));
  };
}

const removeField = withFields(({ object, name }) => {
  delete object[name];
});
const replaceField = withFields(({ object, name, edited }) => {
  object[name] = JSON.parse(AWKWARD[(edited.step.at >> 4) % AWKWARD.length] ?? "null");
});
const renameField = withFields(({ object, name, edited }) => {
  const value = object[name];
  delete object[name];
  object[edited.step.at % 2 === 0 ? name.toUpperCase() : `${name} `] = value;
});
const nestField = withFields(({ object, name, edited }) => {
  const depth = 1 + (edited.step.at % 80);
  for (let level = 0; level < depth; level += 1) object[name] = level % 2 === 0 ? [object[name]] : { x: object[name] };
});
const crossField = withFields(({ object, name, edited }) => {
  const donor = parseObject(edited.donor);
  if (donor !== null && name in donor) object[name] = donor[name];
});
const extraFields = withFields(({ object, edited }) => {
  for (let extra = 0; extra < edited.step.pick % 200; extra += 1) object[`x${extra}`] = extra;
});

/** A key written twice, or once more in other letters, as text: JSON.parse would hide it. */
const repeatKey: Edit = ({ bytes, step }) => {
  const root = parseObject(bytes);
  const names = Object.keys(root ?? {});
  const name = names[step.at % Math.max(1, names.length)];
  if (name === undefined) return bytes;
  const twin = step.pick % 3 === 0 ? name : step.pick % 3 === 1 ? name.toUpperCase() : name.replace("s", "\u017f");
  const value = step.at % 2 === 0 ? JSON.stringify(root?.[name]) : (AWKWARD[step.pick % AWKWARD.length] ?? "0");
  const text = bytes.toString("utf8");
  return Buffer.from(text.replace("{", () => `{${JSON.stringify(twin)}:${value},`));
};

export const EDITS: readonly Edit[] = [
  ...[flipBit, flipBit, flipBit, replaceByte, replaceByte, insertByte, removeRange, repeatRange, truncate],
  ...[byteOrderMark, trailing, respace, removeField, replaceField, replaceField, renameField, nestField],
  ...[crossField, crossField, extraFields, repeatKey, repeatKey],
];

const MOST_GROWN = 512 * 1_024;

/** A stretch of the bytes many times over: what is dear has to be dear in proportion. */
export function grow(bytes: Buffer, { at, pick }: Step): Buffer {
  if (bytes.length === 0) return bytes;
  const start = at % bytes.length;
  const piece = bytes.subarray(start, start + 1 + (pick % 12));
  const times = Math.floor((1 << (12 + (pick % 8))) / piece.length);
  return splice(bytes, start, 0, Buffer.alloc(Math.min(MOST_GROWN, times * piece.length), piece));
}
