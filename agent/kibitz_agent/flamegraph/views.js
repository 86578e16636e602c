// The call tree seen from elsewhere: pure functions from tree to tree. Frames keep their numbers in all of them.

/** The views there are, in the order of the keys that choose them. */
export const VIEWS = ["overview", "hotspots", "inspect"];

/**
 * The tree without the frames marked in `hidden` (a byte per frame) and without what they call; what was spent in
 * them is left out of every total. The tree itself when nothing is hidden.
 */
export function withoutFrames(tree, hidden) {
  if (!hidden.some(Boolean)) return tree;
  const gone = new Uint8Array(tree.count);
  for (let node = 1; node < tree.count; node++) gone[node] = gone[tree.parent[node]] | hidden[tree.frame[node]];
  return keepNodes(tree, (node) => !gone[node]);
}

// The tree of the root and the nodes that `keeps`, whose parents it keeps too; only those that `counts` keep their values.
function keepNodes(tree, keeps, counts = () => true) {
  const place = new Int32Array(tree.count).fill(-1);
  const kept = [];
  for (let node = 0; node < tree.count; node++) {
    if (node > 0 && !keeps(node)) continue;
    place[node] = kept.length;
    kept.push(node);
  }
  const pick = (column) => Float64Array.from(kept, (node) => (counts(node) ? column[node] : 0));
  return {
    ...tree,
    count: kept.length,
    parent: Int32Array.from(kept, (node) => (node === 0 ? -1 : place[tree.parent[node]])),
    frame: Uint32Array.from(kept, (node) => tree.frame[node]),
    depth: tree.depth && Int32Array.from(kept, (node) => tree.depth[node]),
    values: tree.values.map((value) => mapColumns(value, pick)),
  };
}

/**
 * The tree of the stacks that lead through a frame marked in `matched` (a byte per frame): such frames, what they call,
 * and the ways to them. What the frames on the way spent themselves is left out.
 */
export function withOnly(tree, matched) {
  const [inside, kept] = [new Uint8Array(tree.count), new Uint8Array(tree.count)];
  for (let node = 1; node < tree.count; node++) inside[node] = matched[tree.frame[node]] | inside[tree.parent[node]];
  kept.set(inside);
  for (let node = tree.count - 1; node > 0; node--) kept[tree.parent[node]] |= kept[node];
  return keepNodes(tree, (node) => kept[node], (node) => inside[node]);
}

/** Turned around: what spends time itself stands at the top, below it who called it. */
export function inverted(tree) {
  const growing = new Growing(tree);
  for (let node = 1; node < tree.count; node++) {
    if (hasSelf(tree, node)) growing.addWay(tree, node, node);
  }
  return growing.finish();
}

/**
 * One function with all its callers above it and all its callees below. Node 0 is the function itself; `up` marks the
 * callers with 1, and their values are those of the calls that came through them. A call within a call counts once.
 */
export function inspected(tree, pivot) {
  const growing = new Growing(tree, pivot);
  const image = new Int32Array(tree.count).fill(-1);
  const owner = new Int32Array(tree.count).fill(-1);
  const spent = tree.values.map((value) => mapColumns(value, (column) => new Float64Array(column.length)));
  for (let node = 1; node < tree.count; node++) {
    const above = tree.parent[node];
    if (owner[above] >= 0) {
      owner[node] = owner[above];
      image[node] = growing.child(image[above], tree.frame[node]);
    } else if (tree.frame[node] === pivot) {
      owner[node] = node;
      image[node] = 0;
    } else continue;
    growing.add(image[node], tree.values, node);
    eachColumn(spent, tree.values, (sum, column) => (sum[owner[node]] += column[node]));
  }
  const callersFrom = growing.parent.length;
  const known = { ...tree, values: spent };
  for (let node = 1; node < tree.count; node++) {
    if (owner[node] === node && tree.parent[node] > 0) growing.addWay(known, tree.parent[node], node);
  }
  const made = growing.finish();
  return { ...made, up: Uint8Array.from(made.parent, (_, node) => (node >= callersFrom ? 1 : 0)) };
}

/** A tree as one of `VIEWS`; `pivot` is the frame to inspect. */
export function treeInView(tree, view, pivot) {
  if (view === "hotspots") return inverted(tree);
  return view === "inspect" && pivot >= 0 ? inspected(tree, pivot) : tree;
}

// A tree that grows node by node; children are found by (parent, frame).
class Growing {
  constructor(tree, rootFrame = tree.frame[0]) {
    this.tree = tree;
    this.parent = [-1];
    this.frame = [rootFrame];
    this.children = new Map();
    this.values = tree.values.map((value) => mapColumns(value, () => [0]));
  }

  child(parent, frame, side = 0) {
    const key = (parent * 2 + side) * this.tree.name.length + frame;
    let node = this.children.get(key);
    if (node === undefined) {
      node = this.parent.length;
      this.children.set(key, node);
      this.parent.push(parent);
      this.frame.push(frame);
      for (const value of this.values) for (const name of COLUMNS) if (value[name]) value[name].push(0);
    }
    return node;
  }

  add(node, values, from) {
    eachColumn(this.values, values, (sum, column) => (sum[node] += column[from]));
  }

  // The way from `node` up to the root's child, under this tree's root; its end gets the values of `from`.
  addWay(tree, node, from) {
    let at = 0;
    for (let step = node; step > 0; step = tree.parent[step]) at = this.child(at, tree.frame[step], 1);
    this.add(at, tree.values, from);
  }

  finish() {
    return {
      ...this.tree,
      count: this.parent.length,
      parent: Int32Array.from(this.parent),
      frame: Uint32Array.from(this.frame),
      depth: undefined,
      values: this.values.map((value) => mapColumns(value, (column) => Float64Array.from(column))),
    };
  }
}

// What a value has one number per node of: its own, and where two profiles are compared, both of theirs.
const COLUMNS = ["self", "after", "before", "samplesAfter", "samplesBefore"];

function mapColumns(value, change) {
  const mapped = { ...value };
  for (const name of COLUMNS) if (value[name]) mapped[name] = change(value[name]);
  return mapped;
}

function eachColumn(some, others, act) {
  for (let k = 0; k < some.length; k++) {
    for (const name of COLUMNS) if (some[k][name]) act(some[k][name], others[k][name]);
  }
}

function hasSelf(tree, node) {
  return tree.values.some((value) => COLUMNS.some((name) => value[name] && value[name][node] > 0));
}
