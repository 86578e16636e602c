// The call tree as typed arrays, and its layout for one value: pure functions, no DOM.

import { unpack } from "./packing.js";

/**
 * A tree from a payload: `parent`, `frame` per node; `name`, `file`, `line` per frame; `values` with `self` per node;
 * `depth` per node where nodes are in preorder. Throws a TypeError that names the field when the payload breaks its rules.
 */
export function decodeTree(payload) {
  const version = payload && payload.version;
  if (version !== 1 && version !== 2) throw new TypeError(`flame graph payload: expected version 1 or 2, found ${version}`);
  if (version === 2) return unpack(payload);
  const tree = fromColumns(payload);
  checkTree(tree);
  return tree;
}

function fromColumns(payload) {
  const { strings, frames, nodes } = payload;
  const text = (index, field) => {
    if (typeof strings[index] !== "string") throw new TypeError(`${field}: no string ${index}`);
    return strings[index];
  };
  const parent = new Int32Array(nodes.parent);
  const frame = new Uint32Array(nodes.frame);
  return {
    count: parent.length,
    parent,
    frame,
    name: frames.name.map((index) => text(index, "frames.name")),
    file: frames.file.map((index) => text(index, "frames.file")),
    line: Array.from(frames.line),
    values: payload.values.map(({ name, unit, self }) => ({ name, unit, self: new Float64Array(self) })),
  };
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
  const { self, least } = tree.values[which];
  const sums = self.slice();
  if (least !== 0) sums.forEach((value, node) => (sums[node] = value > 0 ? value : 0));
  const placed = tree.depth ? placeInOrder(tree, sums) : placeByLevel(tree, addUp(tree, sums));
  const layout = { tree, which, self, levels: placed.start.length - 1, size: placed.node.length, rootLevel: 0, sum: sums[0], ...placed };
  let children = placed.children ?? null;
  // Lists of children are made when someone first asks for them.
  Object.defineProperty(layout, "children", { get: () => (children ??= childLists(tree, sums)), enumerable: true });
  return tree.up ? withCallers(layout, sums) : layout;
}

function addUp({ count, parent, up = null }, sums) {
  for (let node = count - 1; node > 0; node--) {
    if (!(up && up[node] && parent[node] === 0)) sums[parent[node]] += sums[node];
  }
  return sums;
}

// Nodes in preorder whose siblings are in order already, which is how they come: two passes, and nothing to sort.
function placeInOrder(tree, sums) {
  const { count, parent, depth, deepest } = tree;
  const wider = new Float64Array(deepest + 2);
  const at = new Int32Array(deepest + 2);
  let sorted = true;
  for (let node = count - 1; node > 0; node--) {
    const sum = sums[node]; // no destructuring here: it is slow until the loop is compiled
    const level = depth[node];
    sums[parent[node]] += sum;
    if (sum > 0) at[level]++;
    if (sum < wider[level]) sorted = false;
    wider[level] = sum;
    wider[level + 1] = 0;
  }
  return sorted ? placeSorted(tree, sums, at) : placeByLevel(tree, sums);
}

// `at`: how many nodes each level holds; here it becomes where the next one goes.
function placeSorted({ count, depth, deepest }, sums, at) {
  at[0] = 1;
  const start = [];
  let size = 0;
  for (let level = 0; at[level] > 0; level++) {
    start.push(size);
    [at[level], size] = [size, size + at[level]];
  }
  const [node, x, total] = [new Int32Array(size), new Float64Array(size), new Float64Array(size)];
  const slot = new Int32Array(count).fill(-1);
  const left = new Float64Array(deepest + 2);
  for (let here = 0; here < count; here++) {
    const sum = sums[here];
    if (sum === 0 && here > 0) continue;
    const level = depth[here];
    const to = at[level]++;
    slot[here] = to;
    node[to] = here;
    x[to] = left[level];
    total[to] = sum;
    left[level + 1] = left[level];
    left[level] += sum;
  }
  return { node, x, total, slot, start: Int32Array.from([...start, size]) };
}

function placeByLevel(tree, sums) {
  const { count, up = null } = tree;
  const children = childLists(tree, sums);
  const { first, list } = children;
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
  const part = (column) => column.subarray(0, filled);
  return { node: part(node), x: part(x), total: part(total), slot, start: Int32Array.from(start), children };
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
  return Object.assign(layout, joined, {
    size, start: Int32Array.from(start), levels: start.length - 1, rootLevel: levels.length,
  });
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

// Each frame's place when frames are sorted by name; the frame itself where they are so already.
function ranks(tree) {
  if (tree.rank !== undefined) return tree.rank;
  const { name } = tree;
  const rank = new Uint32Array(name.length).map((_, frame) => frame);
  if (name.some((text, k) => k > 0 && text < name[k - 1])) {
    const order = rank.slice().sort((a, b) => (name[a] < name[b] ? -1 : name[a] > name[b] ? 1 : a - b));
    order.forEach((frame, place) => (rank[frame] = place));
  }
  return (tree.rank = rank);
}

function childLists(tree, sums) {
  const { count, parent, frame } = tree;
  const rank = ranks(tree);
  const first = new Int32Array(count + 2);
  for (let node = 1; node < count; node++) first[parent[node] + 2]++;
  for (let node = 0; node <= count; node++) first[node + 1] += first[node];
  const list = new Int32Array(Math.max(0, count - 1));
  for (let node = 1; node < count; node++) list[first[parent[node] + 1]++] = node;
  const wider = (a, b) => sums[b] - sums[a] || rank[frame[a]] - rank[frame[b]];
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
  const { tree, slot, total, self: spent } = layout;
  const frames = tree.name.length;
  const [self, totals, widest] = [new Float64Array(frames), new Float64Array(frames), new Int32Array(frames).fill(-1)];
  walk(layout, (node, outermost) => {
    const frame = tree.frame[node];
    const all = total[slot[node]];
    if (spent[node] > 0) self[frame] += spent[node];
    if (outermost) totals[frame] += all;
    if (widest[frame] < 0 || all > total[slot[widest[frame]]]) widest[frame] = node;
  });
  const rows = [];
  for (let frame = 0; frame < frames; frame++) {
    if (widest[frame] >= 0) rows.push({ frame, self: self[frame], total: totals[frame], widest: widest[frame] });
  }
  return rows.sort((a, b) => b.self - a.self || b.total - a.total || total[slot[b.widest]] - total[slot[a.widest]]);
}

// Visits every node that has something, each before those below it, and says whether none above has the same frame.
function walk({ tree, children, slot }, visit) {
  const active = new Uint32Array(tree.name.length);
  const pending = [0];
  while (pending.length) {
    const at = pending.pop();
    if (at < 0) {
      active[tree.frame[~at]]--;
      continue;
    }
    const frame = tree.frame[at];
    if (at > 0) visit(at, active[frame] === 0);
    active[frame]++;
    pending.push(~at);
    for (let k = children.first[at]; k < children.first[at + 1]; k++) {
      if (slot[children.list[k]] >= 0) pending.push(children.list[k]);
    }
  }
}
