// A packed payload's columns as typed arrays: numbers written as text, five bits a character, read back.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGIT = new Uint8Array(128).fill(255);
for (let k = 0; k < DIGITS.length; k++) DIGIT[DIGITS.charCodeAt(k)] = k;

function refuse(field, why) {
  throw new TypeError(`${field}: ${why}`);
}

/**
 * Fills `column` with the numbers in `text`; a TypeError names the field when they are more, fewer or none.
 *
 * One loop without a call for most numbers: it runs once, mostly before it is compiled, where calls take half the time.
 */
export function readNumbers(text, column, field) {
  const [count, digits] = [column.length, DIGIT];
  let at = 0;
  for (let k = 0; k < count; k++) {
    let digit = digits[text.charCodeAt(at++)];
    let number = digit & 31;
    for (let scale = 32; digit > 31; scale *= 32) {
      if (digit > 63) refuse(field, `no number before character ${at}`);
      digit = digits[text.charCodeAt(at++)];
      number += (digit & 31) * scale;
    }
    if (digit === undefined) refuse(field, "it ends too early");
    column[k] = number;
  }
  if (at !== text.length) refuse(field, "it goes on after the last number");
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
  const ups = readNumbers(up, new Uint32Array(count - 1), "nodes.up");
  const callees = readNumbers(callee, new Uint32Array(count - 1), "nodes.callee");
  const [parent, frame, depth] = [new Int32Array(count), new Uint32Array(count), new Int32Array(count)];
  let path = new Int32Array(128);
  let [level, deepest] = [0, 0];
  parent[0] = -1;
  frame[0] = root;
  for (let node = 1; node < count; node++) {
    level += 1 - ups[node - 1];
    if (level < 1) refuse("nodes.up", `node ${node} would stand above the root`);
    if (level > deepest) deepest = level;
    if (level === path.length) path = longer(path);
    const above = path[level - 1];
    const caller = frame[above];
    const call = first[caller] + callees[node - 1];
    if (call >= first[caller + 1]) refuse("nodes.callee", `node ${node} has a frame that its caller does not call`);
    path[level] = node;
    depth[node] = level;
    parent[node] = above;
    frame[node] = frames[call];
  }
  return { parent, frame, depth, deepest };
}

// Whom each frame calls: those of frame f stand at first[f] .. first[f + 1] - 1.
function unpackCalls({ count, frame }, frames) {
  const first = new Uint32Array(frames + 1);
  const counts = readNumbers(count, new Uint32Array(frames), "calls.count");
  for (let k = 0; k < frames; k++) first[k + 1] = first[k] + counts[k];
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
  const column = readNumbers(self, new Float64Array(count), `values.${name}`);
  if (scale !== 1 || least !== 0) for (let node = 0; node < count; node++) column[node] = least + scale * column[node];
  return { name, unit, least, self: column };
}
