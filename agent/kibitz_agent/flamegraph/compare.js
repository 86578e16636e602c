// Two call trees as one, and how much each frame's share changed between them: pure functions, no DOM.

const SURE = 2.58; // a difference this many standard errors wide comes by chance in 1 of 100 frames

/**
 * The union of two decoded trees. Functions are the same when their names are, wherever their lines have moved. Each
 * value present in both gets `after` and `before` (self per node) and `whole` ({after, before}, their sums); its `self`,
 * which widths are made of, is the mean of both shares, so that a frame that vanished is still drawn. `by` "absolute"
 * compares amounts instead.
 */
export function compared(after, before, by = "share") {
  const union = new Union(after, before);
  const places = [union.place(after), union.place(before)];
  const counts = ["after", "before"].map((_, side) => spread(union, [after, before][side], places[side], "samples"));
  const values = [];
  for (const { name, unit } of after.values) {
    if (!before.values.some((value) => value.name === name)) continue;
    const [now, then] = [after, before].map((tree, side) => spread(union, tree, places[side], name));
    values.push({ name, unit, by, ...widths(now, then, by), samplesAfter: counts[0], samplesBefore: counts[1] });
  }
  if (!values.length) throw new TypeError("the two profiles have no value in common");
  const { parent, frame, name, file, line } = union;
  return { count: parent.length, parent: Int32Array.from(parent), frame: Uint32Array.from(frame), name, file, line, values };
}

class Union {
  constructor(...trees) {
    this.frames = new Map();
    [this.name, this.file, this.line] = [[], [], []];
    [this.parent, this.frame] = [[], []];
    this.nodes = new Map();
    this.most = trees.reduce((sum, tree) => sum + tree.name.length, 1);
  }

  // Where each of the tree's nodes stands in the union.
  place(tree) {
    const frames = tree.name.map((name, k) => this.frameOf(name, tree.file[k], tree.line[k]));
    const place = new Int32Array(tree.count);
    for (let node = 0; node < tree.count; node++) {
      place[node] = node === 0 ? this.node(-1, frames[tree.frame[0]]) : this.node(place[tree.parent[node]], frames[tree.frame[node]]);
    }
    return place;
  }

  frameOf(name, file, line) {
    // How many small frames were drawn together says nothing about which.
    const same = /^\(\d+ small frames?\)$/.test(name) ? "(small frames)" : name;
    let frame = this.frames.get(same);
    if (frame === undefined) {
      this.frames.set(same, (frame = this.name.length));
      this.name.push(same);
      this.file.push(file);
      this.line.push(line);
    }
    return frame;
  }

  node(parent, frame) {
    const key = (parent + 1) * this.most + frame;
    let node = this.nodes.get(key);
    if (node === undefined) {
      this.nodes.set(key, (node = this.parent.length));
      this.parent.push(parent);
      this.frame.push(frame);
    }
    return node;
  }
}

function spread(union, tree, place, name) {
  const column = new Float64Array(union.parent.length);
  const value = tree.values.find((one) => one.name === name);
  if (value) for (let node = 0; node < tree.count; node++) column[place[node]] += Math.max(0, value.self[node]) || 0;
  return column;
}

function widths(after, before, by) {
  const whole = { after: sumOf(after), before: sumOf(before) };
  const scale = by === "absolute" || !whole.after || !whole.before ? 1 : whole.after / whole.before;
  return { after, before, whole, self: after.map((value, node) => (value + before[node] * scale) / 2) };
}

const sumOf = (column) => column.reduce((sum, value) => sum + value, 0);

/**
 * What changed in a layout of a compared tree: a function from node to `{after, before}` (totals, in the value's unit),
 * `change` (share after minus share before, -1 to 1), `gone`, `fresh`, and `sure` (false where chance may explain it:
 * a two-proportion z-test of the samples). Null when the tree compares nothing.
 */
export function changesOf({ tree, which }) {
  const value = tree.values[which];
  if (!value.before) return null;
  const totals = (column) => {
    const sums = Float64Array.from(column);
    for (let node = tree.count - 1; node > 0; node--) {
      if (!(tree.up?.[node] && tree.parent[node] === 0)) sums[tree.parent[node]] += sums[node];
    }
    return sums;
  };
  const [after, before] = [totals(value.after), totals(value.before)];
  const [countAfter, countBefore] = [totals(value.samplesAfter), totals(value.samplesBefore)];
  const all = { after: sumOf(value.samplesAfter), before: sumOf(value.samplesBefore) };
  return (node) => ({
    after: after[node],
    before: before[node],
    change: after[node] / (value.whole.after || 1) - before[node] / (value.whole.before || 1),
    gone: after[node] === 0 && before[node] > 0,
    fresh: before[node] === 0 && after[node] > 0,
    sure: isSure(countAfter[node], all.after, countBefore[node], all.before),
  });
}

function isSure(after, allAfter, before, allBefore) {
  if (!(allAfter > 0) || !(allBefore > 0)) return false;
  const share = (after + before) / (allAfter + allBefore);
  const error = Math.sqrt(share * (1 - share) * (1 / allAfter + 1 / allBefore));
  return error > 0 && Math.abs(after / allAfter - before / allBefore) / error >= SURE;
}

/** A change of share in text, with its sign: "+3.2 %", "−0.04 %", "±0 %". */
export function formatChange(change) {
  const points = 100 * change;
  if (Math.abs(points) < 0.005) return "±0 %";
  return `${points > 0 ? "+" : "−"}${Math.abs(points).toFixed(Math.abs(points) >= 1 ? 1 : 2)} %`;
}

/** How strongly a change is coloured: -3 (much less) to 3 (much more); 0 where it may be chance. */
export function changeStep({ change, sure }) {
  if (!sure) return 0;
  const size = Math.abs(change) >= 0.05 ? 3 : Math.abs(change) >= 0.01 ? 2 : Math.abs(change) >= 0.0005 ? 1 : 0;
  return Math.sign(change) * size;
}
