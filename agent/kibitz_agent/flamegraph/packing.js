// A packed payload's columns as typed arrays: numbers written as text, five bits a character, read back.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGIT = new Uint8Array(128).fill(255);
for (let k = 0; k < DIGITS.length; k++) DIGIT[DIGITS.charCodeAt(k)] = k;

// Reads the numbers of one text, one after another.
class Numbers {
  constructor(text, field) {
    [this.text, this.field, this.at] = [text, field, 0];
  }

  next() {
    let digit = DIGIT[this.text.charCodeAt(this.at++)];
    if (digit < 32) return digit;
    let number = digit & 31;
    for (let scale = 32; digit > 31; scale *= 32) {
      if (digit > 63) this.refuse(`no number before character ${this.at}`);
      digit = DIGIT[this.text.charCodeAt(this.at++)];
      number += (digit & 31) * scale;
    }
    if (digit === undefined) this.refuse("it ends too early");
    return number;
  }

  finish() {
    if (this.at !== this.text.length) this.refuse("it goes on after the last number");
  }

  refuse(why) {
    throw new TypeError(`${this.field}: ${why}`);
  }
}

/** Fills `column` with the numbers in `text`; a TypeError names the field when they are more, fewer or none. */
export function readNumbers(text, column, field) {
  const numbers = new Numbers(text, field);
  for (let k = 0; k < column.length; k++) column[k] = numbers.next();
  numbers.finish();
  return column;
}

/** `count`, `parent`, `frame`, `depth` (`deepest`: the largest), `name`, `file`, `line` and `values` of a packed payload, nodes in preorder. */
export function unpack({ names, files, frames, calls, nodes, values }) {
  const { count } = nodes;
  if (!(count > 0 && nodes.root < names.length)) throw new TypeError("nodes: expected at least the root");
  const fileOf = readNumbers(frames.file, new Uint32Array(names.length), "frames.file");
  return {
    count,
    ...unpackNodes(nodes, unpackCalls(calls, names.length)),
    name: names,
    file: Array.from(fileOf, (index) => files[index] ?? ""),
    line: readNumbers(frames.line, new Uint32Array(names.length), "frames.line"),
    values: values.map((value) => unpackValue(value, count)),
  };
}

function unpackNodes({ count, root, up, callee }, { first, frames }) {
  const [ups, callees] = [new Numbers(up, "nodes.up"), new Numbers(callee, "nodes.callee")];
  const [parent, frame, depth] = [new Int32Array(count), new Uint32Array(count), new Int32Array(count)];
  let path = new Int32Array(128);
  let [level, deepest] = [0, 0];
  parent[0] = -1;
  frame[0] = root;
  for (let node = 1; node < count; node++) {
    level += 1 - ups.next();
    if (level < 1) ups.refuse(`node ${node} would stand above the root`);
    if (level > deepest) deepest = level;
    if (level === path.length) path = longer(path);
    const above = path[level - 1];
    const call = first[frame[above]] + callees.next();
    if (call >= first[frame[above] + 1]) callees.refuse(`node ${node} has a frame that its caller does not call`);
    path[level] = node;
    depth[node] = level;
    parent[node] = above;
    frame[node] = frames[call];
  }
  for (const column of [ups, callees]) column.finish();
  return { parent, frame, depth, deepest };
}

// Whom each frame calls: those of frame f stand at first[f] .. first[f + 1] - 1.
function unpackCalls({ count, frame }, frames) {
  const first = new Uint32Array(frames + 1);
  const counts = new Numbers(count, "calls.count");
  for (let k = 0; k < frames; k++) first[k + 1] = first[k] + counts.next();
  counts.finish();
  const callees = readNumbers(frame, new Uint32Array(first[frames]), "calls.frame");
  if (callees.some((callee) => callee >= frames)) throw new TypeError(`calls.frame: expected 0..${frames - 1}`);
  return { first, frames: callees };
}

function longer(column) {
  const made = new Int32Array(2 * column.length);
  made.set(column);
  return made;
}

function unpackValue({ name, unit, scale, least, self }, count) {
  const column = new Float64Array(count);
  const numbers = new Numbers(self, `values.${name}`);
  for (let node = 0; node < count; node++) column[node] = least + scale * numbers.next();
  numbers.finish();
  return { name, unit, least, self: column };
}
