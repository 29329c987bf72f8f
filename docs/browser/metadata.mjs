// What an ONNX file says of itself: the pairs of texts in its `metadata_props`.
//
// An ONNX file is a protobuf message, a row of fields. onnxruntime-web does not give the
// metadata, so the outermost fields are walked through here; the graph, one long field,
// is stepped over. The keys are those of docs/onnx.md.

const METADATA_PROPS = 14; // field numbers of onnx.proto: ModelProto,
const KEY = 1; // and StringStringEntryProto
const VALUE = 2;
const PREFIX = "keras_dip.";
const FORMAT_VERSION = "1";
const PLAIN = ["format_version", "task", "source_dtype", "source_mode"];

/** An error whose message is for the reader of the page. */
export class FileError extends Error {}

/**
 * Return the metadata of a restoration, decoded, by names without prefix.
 *
 * Throws a FileError if the bytes are not ONNX, or not ours, or of a newer format.
 */
export function metadataOf(bytes) {
  const texts = new Map();
  try {
    for (const [number, content] of fields(bytes)) {
      if (number !== METADATA_PROPS) continue;
      const entry = new Map(fields(content));
      texts.set(text(entry.get(KEY)), text(entry.get(VALUE)));
    }
  } catch {
    throw new FileError("This is not an ONNX file, or it is damaged.");
  }
  const version = texts.get(`${PREFIX}format_version`);
  if (version === undefined) {
    throw new FileError("This file was not written by keras_dip.");
  }
  if (version !== FORMAT_VERSION) {
    throw new FileError(
      `This file has format ${version}; this page reads format ${FORMAT_VERSION}.`,
    );
  }
  return decoded(texts);
}

function decoded(texts) {
  const values = {};
  for (const [key, value] of texts) {
    if (!key.startsWith(PREFIX)) continue;
    const name = key.slice(PREFIX.length);
    try {
      values[name] = PLAIN.includes(name) ? value : JSON.parse(value);
    } catch {
      throw new FileError(`The metadata of this file are damaged (${name}).`);
    }
  }
  const isSide = (side) => Number.isInteger(side) && side > 0;
  const { shape } = values;
  if (!Array.isArray(shape) || ![2, 3].includes(shape.length) || !shape.every(isSide)) {
    throw new FileError("The metadata of this file do not say how large the picture is.");
  }
  return values;
}

/** Give [number, content] of each field; the content of numbers is null. */
function* fields(bytes) {
  let at = 0;

  // Numbers of 7 bits a byte, the lowest first. Beyond 2^53 only the sign of negative
  // numbers matters to nobody here.
  function varint() {
    for (let value = 0, factor = 1, length = 0; length < 10; length++) {
      if (at >= bytes.length) throw new RangeError("cut off");
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      factor *= 128;
      if (byte < 128) return value;
    }
    throw new RangeError("too long a number");
  }

  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const kind = tag % 8;
    if (number === 0) throw new RangeError("no field has the number 0");
    let content = null;
    if (kind === 0) {
      varint();
    } else {
      const length = { 1: 8, 5: 4 }[kind] ?? (kind === 2 ? varint() : NaN);
      // A comparison with NaN, a kind that does not exist, is false as well.
      if (!(at + length <= bytes.length)) throw new RangeError("cut off");
      content = bytes.subarray(at, at + length);
      at += length;
    }
    yield [number, content];
  }
}

function text(content) {
  return new TextDecoder("utf-8", { fatal: true }).decode(content ?? new Uint8Array());
}
