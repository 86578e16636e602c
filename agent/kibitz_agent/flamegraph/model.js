// The call tree as typed arrays, and its layout for one value: pure functions, no DOM.

/**
 * A tree from a payload: `parent`, `frame` per node; `name`, `file`, `line` per frame; `values` with `self` per node.
 * Throws a TypeError that names the field when the payload breaks its own rules.
 */
export function decodeTree(payload) {
  if (payload === null || typeof payload !== "object" || payload.version !== 1) {
    throw new TypeError(`flame graph payload: expected version 1, found ${payload && payload.version}`);
  }
  const { strings, frames, nodes } = payload;
  const text = (index, field) => {
    if (typeof strings[index] !== "string") throw new TypeError(`${field}: no string ${index}`);
    return strings[index];
  };
  const parent = new Int32Array(nodes.parent);
  const frame = new Uint32Array(nodes.frame);
  const tree = {
    count: parent.length,
    parent,
    frame,
    name: frames.name.map((index) => text(index, "frames.name")),
    file: frames.file.map((index) => text(index, "frames.file")),
    line: Array.from(frames.line),
    values: payload.values.map(({ name, unit, self }) => ({ name, unit, self: new Float64Array(self) })),
  };
  checkTree(tree);
  return tree;
}

function checkTree({ count, parent, frame, name, values }) {
  if (count === 0 || parent[0] !== -1) throw new TypeError("nodes.parent: node 0 must be the root");
  if (frame.length !== count) throw new TypeError("nodes.frame: expected one entry per node");
  for (let node = 0; node < count; node++) {
    if (node > 0 && !(parent[node] >= 0 && parent[node] < node)) {
      throw new TypeError(`nodes.parent[${node}]: expected 0..${node - 1}, found ${parent[node]}`);
    }
    if (frame[node] >= name.length) throw new TypeError(`nodes.frame[${node}]: no frame ${frame[node]}`);
  }
  for (const value of values) {
    if (value.self.length !== count) throw new TypeError(`values.${value.name}: expected one entry per node`);
  }
  if (values.length === 0) throw new TypeError("values: expected at least one");
}

/**
 * Places every node that has something of value `which`: level by level, widest sibling first.
 *
 * Positions ("slots") are level-major: `start[l] .. start[l + 1]` are level l's slots, left to right. `node`, `x`,
 * `total` are per slot, in the value's own unit; `total` of a node covers its children. `slot[node]` is -1 when the
 * node is empty. Siblings touch, so a level is sorted by x and can be searched in O(log n).
 */
export function layOut(tree, which) {
  const { count, parent } = tree;
  const self = tree.values[which].self;
  const sums = new Float64Array(count);
  for (let node = 0; node < count; node++) sums[node] = self[node] > 0 ? self[node] : 0;
  const up = tree.up ?? null;
  for (let node = count - 1; node > 0; node--) {
    if (!(up && up[node] && parent[node] === 0)) sums[parent[node]] += sums[node];
  }
  const children = childLists(tree, sums);
  const node = new Int32Array(count);
  const x = new Float64Array(count);
  const total = new Float64Array(count);
  const slot = new Int32Array(count).fill(-1);
  const start = [0];
  let filled = 0;
  const place = (at, left) => {
    slot[at] = filled;
    node[filled] = at;
    x[filled] = left;
    total[filled++] = sums[at];
  };
  place(0, 0);
  for (let from = 0; from < filled; ) {
    const to = filled;
    start.push(to);
    for (let above = from; above < to; above++) {
      let left = x[above];
      const { first, list } = children;
      for (let k = first[node[above]]; k < first[node[above] + 1]; k++) {
        const child = list[k];
        if (sums[child] <= 0) break;
        if (up && up[child]) continue;
        place(child, left);
        left += sums[child];
      }
    }
    from = to;
  }
  const layout = {
    tree, which, self, children, slot, start: Int32Array.from(start), levels: start.length - 1, size: filled, rootLevel: 0,
    node: node.subarray(0, filled), x: x.subarray(0, filled), total: total.subarray(0, filled), sum: sums[0],
  };
  return up ? withCallers(layout, sums) : layout;
}

// Sets the levels of callers (`tree.up`) above the root, the farthest at the top.
function withCallers(layout, sums) {
  const { tree, children, slot } = layout;
  const levels = [];
  for (let row = [[0, 0]]; row.length; ) {
    const next = [];
    for (const [above, from] of row) {
      let left = from;
      for (let k = children.first[above]; k < children.first[above + 1]; k++) {
        const child = children.list[k];
        if (!tree.up[child] || sums[child] <= 0) continue;
        next.push([child, left]);
        left += sums[child];
      }
    }
    if (next.length) levels.unshift(next);
    row = next;
  }
  const callers = levels.flat();
  const size = callers.length + layout.size;
  const joined = { node: new Int32Array(size), x: new Float64Array(size), total: new Float64Array(size) };
  callers.forEach(([node, x], at) => {
    joined.node[at] = node;
    joined.x[at] = x;
    joined.total[at] = sums[node];
  });
  for (const name of ["node", "x", "total"]) joined[name].set(layout[name], callers.length);
  joined.node.forEach((node, at) => (slot[node] = at));
  const start = [0];
  for (const row of levels) start.push(start.at(-1) + row.length);
  for (const end of layout.start.subarray(1)) start.push(end + callers.length);
  return { ...layout, ...joined, size, start: Int32Array.from(start), levels: start.length - 1, rootLevel: levels.length };
}

/** The widest child of `node` (or -1); for the root of an inspected function, of its callers when `up`. */
export function widestChild({ tree, children, slot }, node, up) {
  for (let k = children.first[node]; k < children.first[node + 1]; k++) {
    const child = children.list[k];
    if (slot[child] < 0) return -1;
    if (Boolean(tree.up?.[child]) === up) return child;
  }
  return -1;
}

function childLists({ count, parent, frame, name }, sums) {
  const first = new Int32Array(count + 2);
  for (let node = 1; node < count; node++) first[parent[node] + 2]++;
  for (let node = 0; node <= count; node++) first[node + 1] += first[node];
  const list = new Int32Array(Math.max(0, count - 1));
  for (let node = 1; node < count; node++) list[first[parent[node] + 1]++] = node;
  const wider = (a, b) => sums[b] - sums[a] || (name[frame[a]] < name[frame[b]] ? -1 : 1);
  for (let node = 0; node < count; node++) sortPart(list, first[node], first[node + 1], wider);
  return { first, list };
}

// Most frames call few others: moving those into place by hand takes a fifth of the time of a sort() each.
function sortPart(list, from, to, compare) {
  if (to - from > 24) {
    list.set(Array.from(list.subarray(from, to)).sort(compare), from);
    return;
  }
  for (let end = from + 1; end < to; end++) {
    const moving = list[end];
    let at = end;
    for (; at > from && compare(list[at - 1], moving) > 0; at--) list[at] = list[at - 1];
    list[at] = moving;
  }
}

/** The level a slot lies in. */
export function levelOf(layout, slot) {
  return lastAtOrBelow(layout.start, 0, layout.levels, slot);
}

/** The slot at `value` (the layout's unit, from the left) in `level`, or -1 where that level has nothing. */
export function slotAt(layout, level, value) {
  if (level < 0 || level >= layout.levels) return -1;
  const slot = lastAtOrBelow(layout.x, layout.start[level], layout.start[level + 1], value);
  return slot >= layout.start[level] && value < layout.x[slot] + layout.total[slot] ? slot : -1;
}

/** The last index in `low .. high - 1` of a sorted column whose entry is <= value; `low - 1` when none is. */
export function lastAtOrBelow(column, low, high, value) {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (column[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Nodes from the root down to `node`. */
export function pathTo(tree, node) {
  const path = [];
  for (let at = node; at >= 0; at = tree.parent[at]) path.push(at);
  return path.reverse();
}

const frameKey = (tree, node) => {
  const frame = tree.frame[node];
  return `${tree.name[frame]}\n${tree.file[frame]}\n${tree.line[frame]}`;
};

/** What names a node across payloads: the frames on the way to it. */
export function keysTo(tree, node) {
  return pathTo(tree, node).slice(1).map((at) => frameKey(tree, at));
}

/** The node which `keys` lead to, or the last one on the way that still exists. */
export function nodeByKeys(layout, keys) {
  const { tree, children } = layout;
  let at = 0;
  for (const key of keys) {
    const below = children.list.subarray(children.first[at], children.first[at + 1]);
    const next = below.find((child) => layout.slot[child] >= 0 && frameKey(tree, child) === key);
    if (next === undefined) break;
    at = next;
  }
  return at;
}

/**
 * Self and total per function, `[{frame, self, total, widest}]`, largest self first. A function that calls itself is
 * counted once per stack, so no total exceeds the whole. `widest` is the node where it takes most.
 */
export function functionsOf(layout) {
  const { tree, children, slot, total } = layout;
  const rows = new Map();
  const active = new Uint32Array(tree.name.length);
  const pending = [0];
  while (pending.length) {
    const at = pending.pop();
    if (at < 0) {
      active[tree.frame[~at]]--;
      continue;
    }
    const frame = tree.frame[at];
    if (at > 0) countNode(rows, layout, at, active[frame] === 0);
    active[frame]++;
    pending.push(~at);
    for (let k = children.first[at]; k < children.first[at + 1]; k++) {
      if (slot[children.list[k]] >= 0) pending.push(children.list[k]);
    }
  }
  const widest = (row) => total[slot[row.widest]];
  return [...rows.values()].sort((a, b) => b.self - a.self || b.total - a.total || widest(b) - widest(a));
}

function countNode(rows, layout, node, outermost) {
  const frame = layout.tree.frame[node];
  let row = rows.get(frame);
  if (!row) rows.set(frame, (row = { frame, self: 0, total: 0, widest: node }));
  row.self += Math.max(0, layout.self[node]) || 0;
  const all = layout.total[layout.slot[node]];
  if (outermost) row.total += all;
  if (all > layout.total[layout.slot[row.widest]]) row.widest = node;
}
