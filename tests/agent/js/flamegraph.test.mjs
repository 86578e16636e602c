// What of the renderer has no DOM. The pytest beside it puts the modules into ./flamegraph and runs this in Node.

import assert from "node:assert/strict";
import { test } from "node:test";

import { visibleBoxes } from "./flamegraph/boxes.js";
import { COLOURS, SPECIAL, colourIndex, contrast, themeColours } from "./flamegraph/colour.js";
import { Origins, originOf, packageOf, sharesByOrigin } from "./flamegraph/origins.js";
import { sourceAddress } from "./flamegraph/source.js";
import { markedNode, markedView, nodeMark, optionsFrom, viewMark } from "./flamegraph/state.js";
import { rowsInSight } from "./flamegraph/table.js";
import { formatShare, formatValue, grouped, plainText, splitName } from "./flamegraph/format.js";
import { decodeTree, functionsOf, keysTo, layOut, levelOf, nodeByKeys, slotAt } from "./flamegraph/model.js";
import { changesOf, compared, formatChange } from "./flamegraph/compare.js";
import { nearest, neighbour } from "./flamegraph/neighbours.js";
import { centred, glided, nodeFilling, panned, scaled } from "./flamegraph/spans.js";
import { inverted, inspected, withOnly, withoutFrames } from "./flamegraph/views.js";
import { compileSearch, matchFrames, matchNodes } from "./flamegraph/search.js";

// A payload from [name, parent, self] rows.
function payload(rows, unit = "count") {
  const names = [...new Set(rows.map(([name]) => name))];
  return {
    version: 1,
    strings: ["", ...names],
    frames: { name: names.map((_, k) => k + 1), file: names.map(() => 0), line: names.map(() => 0) },
    nodes: { parent: rows.map(([, parent]) => parent), frame: rows.map(([name]) => names.indexOf(name)) },
    values: [{ name: "samples", unit, self: rows.map(([, , self]) => self) }],
  };
}

const ROWS = [["all", -1, 0], ["main", 0, 1], ["idle", 0, 3], ["work", 1, 4], ["small", 1, 1], ["work", 3, 2]];
const layoutOf = (rows) => layOut(decodeTree(payload(rows)), 0);

function randomRows(count, seed) {
  let state = seed;
  const random = (below) => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) % below;
  const rows = [["all", -1, 0]];
  while (rows.length < count) {
    rows.push([`f${random(40)}`, random(4) ? Math.max(0, rows.length - 1 - random(3)) : random(rows.length), random(20)]);
  }
  return rows;
}

test("siblings stand widest first, touch, and lie within their parent", () => {
  const layout = layoutOf(ROWS);
  assert.equal(layout.sum, 11);
  assert.deepEqual([...layout.start], [0, 1, 3, 5, 6]);
  assert.deepEqual([...layout.node], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual([...layout.x], [0, 0, 8, 0, 6, 0]);
  assert.deepEqual([...layout.total], [11, 8, 3, 6, 1, 2]);
});

test("a random tree is laid out sorted, inside its parents and adding up", () => {
  for (const seed of [1, 2, 3]) {
    const layout = layoutOf(randomRows(3000, seed));
    for (let slot = 1; slot < layout.size; slot++) {
      const above = layout.slot[layout.tree.parent[layout.node[slot]]];
      assert.ok(layout.x[slot] >= layout.x[above]);
      assert.ok(layout.x[slot] + layout.total[slot] <= layout.x[above] + layout.total[above]);
      const same = levelOf(layout, slot) === levelOf(layout, slot - 1);
      if (same) assert.ok(layout.x[slot] >= layout.x[slot - 1] + layout.total[slot - 1]);
      assert.equal(slotAt(layout, levelOf(layout, slot), layout.x[slot] + layout.total[slot] / 2), slot);
    }
    const selfs = functionsOf(layout).reduce((sum, row) => sum + row.self, layout.self[0]);
    assert.equal(selfs, layout.sum);
  }
});

const used = (boxes, name) => [...boxes[name].subarray(0, boxes.length)];

test("boxes of a level never overlap, cover each slot once and stay within the width", () => {
  for (const [count, width] of [[50, 300], [3000, 120], [3000, 7]]) {
    const layout = layoutOf(randomRows(count, 9));
    const boxes = visibleBoxes(layout, { start: 0, end: layout.sum }, width, 0, layout.levels);
    const seen = used(boxes, "count").reduce((sum, n) => sum + n, 0);
    assert.equal(seen, layout.size);
    assert.ok(boxes.length <= width * layout.levels);
    for (let k = 0; k < boxes.length; k++) {
      assert.ok(boxes.right[k] > boxes.left[k] && boxes.right[k] <= width);
      if (k && boxes.level[k] === boxes.level[k - 1]) assert.ok(boxes.left[k] >= boxes.right[k - 1]);
    }
  }
});

test("a level of slivers is one marked box, not nothing", () => {
  const rows = [["all", -1, 0], ...Array.from({ length: 5000 }, (_, k) => [`f${k}`, 0, 1])];
  const boxes = visibleBoxes(layoutOf(rows), { start: 0, end: 5000 }, 100, 1, 2);
  assert.deepEqual(["narrow", "count", "left", "right"].map((name) => used(boxes, name)), [[1], [5000], [0], [100]]);
});

test("a zoomed view shows its ancestors over the whole width and nothing outside it", () => {
  const layout = layoutOf(ROWS);
  const boxes = visibleBoxes(layout, { start: 0, end: 6 }, 600, 0, 4);
  assert.deepEqual(used(boxes, "slot").map((slot) => layout.node[slot]), [0, 1, 3, 5]);
  assert.deepEqual(used(boxes, "right").slice(0, 3), [600, 600, 600]);
});

test("a function that calls itself is counted once", () => {
  const rows = functionsOf(layoutOf(ROWS));
  const layout = layoutOf(ROWS);
  const work = rows.find(({ frame }) => layout.tree.name[frame] === "work");
  assert.deepEqual([work.self, work.total, work.widest], [6, 6, 3]);
});

test("a search counts nodes and covers nested matches once", () => {
  const layout = layoutOf(ROWS);
  const found = (text) => {
    const { nodes, count, covered } = matchNodes(layout, matchFrames(layout.tree, compileSearch(text).test));
    assert.equal(count, nodes.length);
    return { nodes, covered };
  };
  assert.deepEqual(found("WORK"), { nodes: [3, 5], covered: 6 });
  assert.deepEqual(found("/^(idle|small)$/"), { nodes: [4, 2], covered: 4 });
  assert.deepEqual(found("nothing"), { nodes: [], covered: 0 });
  assert.deepEqual(found(""), { nodes: [], covered: 0 });
  assert.match(compileSearch("/(/").error, /regular expression/i);
  assert.equal(compileSearch("/A/").test("a"), true);
});

test("a path of frames finds its node again, or as far as it exists", () => {
  const before = layoutOf(ROWS);
  const after = layoutOf([["all", -1, 0], ["idle", 0, 9], ["main", 0, 1], ["work", 2, 1]]);
  assert.equal(nodeByKeys(after, keysTo(before.tree, 3)), 3);
  assert.equal(nodeByKeys(after, keysTo(before.tree, 5)), 3);
});

test("a stack a thousand deep is laid out", () => {
  const rows = [["all", -1, 0], ...Array.from({ length: 1000 }, (_, k) => [`f${k}`, k, k === 999 ? 1 : 0])];
  const layout = layoutOf(rows);
  assert.equal(layout.levels, 1001);
  assert.equal(functionsOf(layout).length, 1000);
});

test("a broken payload is refused by the name of its field", () => {
  const broken = (change) => () => decodeTree(change(payload(ROWS)));
  assert.throws(broken((p) => ({ ...p, version: 3 })), /version 1 or 2, found 3/);
  assert.throws(broken((p) => ({ ...p, nodes: { ...p.nodes, parent: [-1, 2, 0, 1, 1, 3] } })), /nodes.parent\[1\]/);
  assert.throws(broken((p) => ({ ...p, frames: { ...p.frames, name: [1, 2, 3, 4, 99] } })), /frames.name: no string 99/);
  assert.throws(broken((p) => ({ ...p, values: [{ name: "x", unit: "", self: [1] }] })), /values.x/);
});

test("amounts and shares are written with three digits and their unit", () => {
  const shown = [0, 999, 1500, 2_000_000, 12_345_678_900, 600e9].map((ns) => formatValue(ns, "nanoseconds"));
  assert.deepEqual(shown, ["0 s", "999 ns", "1.50 µs", "2 ms", "12.3 s", "10 min"]);
  assert.equal(formatValue(1234567, "count"), "1,234,567");
  assert.equal(formatValue(3 * 2 ** 20, "bytes"), "3 MiB");
  assert.equal(formatValue(5, "requests"), "5 requests");
  assert.deepEqual([[0, 5], [1, 1e6], [1, 3], [5, 5]].map(([a, b]) => formatShare(a, b)), ["0 %", "< 0.01 %", "33.3 %", "100 %"]);
});

test("nothing invisible and no line end is left in a shown name", () => {
  assert.equal(plainText("a\nb\u202eC\u0000\ud800"), "a\\nb\\u202eC\\u0000\\ud800");
  assert.equal(plainText("snake 🐍 <b>"), "snake 🐍 <b>");
  assert.equal(plainText("x".repeat(10240), 3), "xxx… (10,240 characters)");
  assert.deepEqual(splitName("shop.pricing:Cart.total"), { module: "shop.pricing", qualified: "Cart.total" });
  assert.deepEqual(splitName("operator new: x"), { module: "", qualified: "operator new: x" });
});

const allColours = (hex) => Array.from({ length: COLOURS }, (_, index) => hex(index));

test("text on every colour has a contrast of 4.5 or more, in light and dark", () => {
  for (const theme of ["light", "dark"]) {
    const { hex, text } = themeColours(theme);
    const frames = allColours(hex).slice(Object.keys(SPECIAL).length);
    for (const ground of [...frames, hex(SPECIAL.root)]) assert.ok(contrast(ground, text.normal) >= 4.5, `${theme} ${ground}`);
    assert.ok(contrast(hex(SPECIAL.match), text.match) >= 4.5);
    assert.ok(contrast(hex(SPECIAL.faded), text.faded) >= 4.5);
    assert.ok(frames.every((colour) => /^#[0-9a-f]{6}$/.test(colour)));
  }
});

test("the colour says the module and whose it is", () => {
  const count = COLOURS;
  assert.deepEqual(
    ["/srv/shop/a.py", "/v/lib/python3.12/site-packages/flask/app.py", "/usr/lib/python3.12/json/decoder.py", "<frozen os>", ""].map(originOf),
    ["own", "library", "standard", "standard", "none"],
  );
  const hue = (name, file) => Math.floor((colourIndex(name, originOf(file)) - Object.keys(SPECIAL).length) / 3);
  assert.equal(hue("shop.a:f", "/a.py"), hue("shop.b:g", "/b.py"));
  assert.notEqual(hue("shop.a:f", "/a.py"), hue("shop.a:f", "/v/site-packages/a.py"));
  assert.ok(colourIndex("no module", "none") < count);
});

test("many siblings are in the same order as few: widest first, then by name", () => {
  const rows = [["all", -1, 0]];
  for (let k = 0; k < 300; k++) rows.push([`f${(k * 7919) % 300}`, 0, 1 + ((k * 31) % 5)]);
  const layout = layoutOf(rows);
  const shown = [...layout.node.subarray(1)].map((node) => [rows[node][2], rows[node][0]]);
  const wanted = rows.slice(1).map(([name, , self]) => [self, name]);
  wanted.sort((a, b) => b[0] - a[0] || (a[1] < b[1] ? -1 : 1));
  assert.deepEqual(shown, wanted);
});

const treeOf = (rows) => decodeTree(payload(rows));
const shares = (layout) => {
  const told = {};
  for (let slot = 0; slot < layout.size; slot++) {
    const names = [];
    for (let at = layout.node[slot]; at > 0; at = layout.tree.parent[at]) names.push(layout.tree.name[layout.tree.frame[at]]);
    told[names.reverse().join(";")] = layout.total[slot];
  }
  return told;
};

test("hotspots put what spends time itself at the top and its callers below, and lose nothing", () => {
  const layout = layOut(inverted(treeOf(ROWS)), 0);
  assert.deepEqual(shares(layout), {
    "": 11, work: 6, idle: 3, main: 1, small: 1, "work;main": 4, "work;work": 2, "work;work;main": 2, "small;main": 1,
  });
});

test("totals stay whole in hotspots of any tree", () => {
  for (let seed = 1; seed < 20; seed++) {
    const rows = randomRows(300, seed);
    const plain = layoutOf(rows);
    assert.equal(layOut(inverted(plain.tree), 0).sum, plain.sum - (rows[0][2] || 0));
  }
});

test("an inspected function has callers above and callees below, each as wide as the function at most", () => {
  const rows = [["all", -1, 0], ["a", 0, 1], ["b", 0, 0], ["f", 1, 2], ["f", 2, 3], ["g", 3, 4], ["h", 4, 5], ["f", 5, 7]];
  const layout = layOut(inspected(treeOf(rows), 3), 0);
  assert.equal(layout.sum, 21);
  assert.equal(layout.rootLevel, 1);
  assert.deepEqual(shares(layout), { "": 21, a: 13, b: 8, g: 11, "g;f": 7, h: 5 });
  const callers = [...layout.node.subarray(0, layout.start[1])];
  assert.ok(callers.every((node) => layout.tree.up[node] === 1));
  for (let slot = 0; slot < layout.size; slot++) {
    assert.equal(layout.slot[layout.node[slot]], slot);
    assert.ok(layout.x[slot] >= 0 && layout.x[slot] + layout.total[slot] <= layout.sum);
  }
});

test("every function inspected is as wide as its total in the table", () => {
  for (let seed = 1; seed < 12; seed++) {
    const plain = layoutOf(randomRows(200, seed));
    for (const { frame, total } of functionsOf(plain)) {
      const layout = layOut(inspected(plain.tree, frame), 0);
      assert.equal(layout.sum, total);
      for (let level = 0; level < layout.levels; level++) {
        const above = layout.total.subarray(layout.start[level], layout.start[level + 1]).reduce((sum, part) => sum + part, 0);
        assert.ok(above <= layout.sum);
      }
    }
  }
});

test("hidden frames go with all they call, and nothing else does", () => {
  const tree = treeOf(ROWS);
  const hidden = Uint8Array.from(tree.name, (name) => (name === "work" ? 1 : 0));
  assert.deepEqual(shares(layOut(withoutFrames(tree, hidden), 0)), { "": 5, main: 2, idle: 3, "main;small": 1 });
  assert.equal(withoutFrames(tree, new Uint8Array(tree.name.length)), tree);
});

const BEFORE = [["all", -1, 0], ["main", 0, 1], ["idle", 0, 3], ["old", 1, 4]];

test("a comparison holds both trees whole, draws what vanished, and changes add up to nothing", () => {
  const tree = compared(treeOf(ROWS), treeOf(BEFORE));
  const layout = layOut(tree, 0);
  const changes = changesOf(layout);
  assert.equal(changes(0).after, 11);
  assert.equal(changes(0).before, 8);
  assert.equal(changes(0).change, 0);
  const named = (name) => [...layout.node].find((node) => tree.name[tree.frame[node]] === name);
  assert.ok(changes(named("old")).gone);
  assert.equal(changes(named("old")).change, -0.5);
  assert.ok(layout.total[layout.slot[named("old")]] > 0);
  assert.ok(changes(named("work")).fresh);
  const top = changes(named("main")).change + changes(named("idle")).change;
  assert.ok(Math.abs(top) < 1e-12);
});

test("a comparison keeps its figures in hotspots, inspected, and without hidden frames", () => {
  const tree = compared(treeOf(ROWS), treeOf(BEFORE));
  assert.equal(changesOf(layOut(inverted(tree), 0))(0).before, 8);
  const pivot = tree.name.indexOf("main");
  assert.equal(changesOf(layOut(inspected(tree, pivot), 0))(0).after, 8);
  const hidden = Uint8Array.from(tree.name, (name) => (name === "idle" ? 1 : 0));
  assert.equal(changesOf(layOut(withoutFrames(tree, hidden), 0))(0).before, 5);
});

test("only a difference larger than chance is called sure", () => {
  const of = (share, all) => treeOf([["all", -1, 0], ["hot", 0, Math.round(share * all)], ["rest", 0, all - Math.round(share * all)]]);
  const sure = (a, b, all) => {
    const tree = compared(of(a, all), of(b, all));
    return changesOf(layOut(tree, 0))(1).sure;
  };
  assert.equal(sure(0.3, 0.2, 10_000), true);
  assert.equal(sure(0.3, 0.28, 100), false);
  assert.equal(sure(0.3, 0.3, 10_000), false);
});

test("changes are told with their sign", () => {
  assert.deepEqual([0.0321, -0.0004, 0, -0.5].map(formatChange), ["+3.2 %", "−0.04 %", "±0 %", "−50.0 %"]);
});

test("text on every colour of a change can be read", () => {
  for (const theme of ["light", "dark"]) {
    const { hex, text } = themeColours(theme);
    for (let step = -3; step <= 3; step++) assert.ok(contrast(hex(SPECIAL.same + step), text.normal) >= 4.5);
  }
});

test("a packed payload that breaks its own rules is refused by the name of its field", () => {
  const packed = (change) => ({
    version: 2, names: ["all", "main"], files: [""], frames: { file: "AA", line: "AA" },
    calls: { count: "BA", frame: "B" }, nodes: { count: 2, root: 0, up: "A", callee: "A" },
    values: [{ name: "samples", unit: "count", sum: 3, scale: 3, least: 0, self: "AB" }], ...change,
  });
  const nodes = (change) => packed({ nodes: { count: 2, root: 0, up: "A", callee: "A", ...change } });
  const tree = decodeTree(packed({}));
  assert.deepEqual([[...tree.parent], [...tree.frame], [...tree.depth], [...tree.values[0].self]], [[-1, 0], [0, 1], [0, 1], [0, 3]]);
  assert.throws(() => decodeTree(nodes({ up: "B" })), /nodes.up: node 1 would stand above the root/);
  assert.throws(() => decodeTree(nodes({ up: "" })), /nodes.up: it ends too early/);
  assert.throws(() => decodeTree(nodes({ up: "AA" })), /nodes.up: it goes on/);
  assert.throws(() => decodeTree(nodes({ up: "<" })), /nodes.up: no number/);
  assert.throws(() => decodeTree(nodes({ up: "é" })), /nodes.up/);
  assert.throws(() => decodeTree(nodes({ callee: "B" })), /nodes.callee: node 1/);
  assert.throws(() => decodeTree(nodes({ root: 2 })), /nodes: expected/);
  assert.throws(() => decodeTree(nodes({ count: 0 })), /nodes: expected/);
  assert.throws(() => decodeTree(packed({ calls: { count: "BA", frame: "C" } })), /calls.frame/);
  assert.throws(() => decodeTree(packed({ values: [{ name: "x", unit: "", scale: 1, least: 0, self: "A" }] })), /values.x/);
});

test("whole numbers are grouped by thousands", () => {
  assert.deepEqual([0, 999, 1000, 1234567.4, -4321].map(grouped), ["0", "999", "1,000", "1,234,567", "-4,321"]);
});

test("only the stacks through a search are kept, and what was spent on the way to them is left out", () => {
  const tree = treeOf(ROWS);
  const layout = layOut(withOnly(tree, Uint8Array.from(tree.name, (name) => (name === "work" ? 1 : 0))), 0);
  assert.deepEqual(shares(layout), { "": 6, main: 6, "main;work": 6, "main;work;work": 2 });
});

test("what someone says of a package goes before what its path says, the longest name first", () => {
  const origins = new Origins([["flask", "own"], ["flask.json", "library"], ["/srv/vendored/", "library"]]);
  const site = "/v/site-packages/flask/app.py";
  const told = [["flask.app:run", site], ["flask.json:dumps", site], ["flasky:run", site], ["shop:f", "/srv/vendored/shop.py"], ["shop:f", "/srv/shop.py"]];
  assert.deepEqual(told.map(([name, file]) => origins.of(name, file)), ["own", "library", "library", "library", "own"]);
  assert.deepEqual(["shop.stock:ask", "__main__:<module>", "plain"].map(packageOf), ["shop", "__main__", "plain"]);
  const tree = { name: ["a:f", "b:g"], file: ["/srv/a.py", ""] };
  const rows = [{ frame: 0, self: 3 }, { frame: 1, self: 1 }];
  assert.deepEqual(sharesByOrigin(tree, rows, new Origins()), { own: 0.75, library: 0, standard: 0, none: 0.25 });
});

test("a source's address has the file below the root and the profile's revision, and is one that a page may open", () => {
  const place = { file: "/app/shop/a b.py", line: 0, revision: "git 0123abcd", root: "/app/" };
  const forge = "https://forge.example/shop/blob/{revision}/{path}#L{line}";
  assert.equal(sourceAddress(forge, place), "https://forge.example/shop/blob/0123abcd/shop/a%20b.py#L1");
  assert.equal(sourceAddress(forge, { ...place, revision: "" }), "https://forge.example/shop/blob/HEAD/shop/a%20b.py#L1");
  assert.equal(sourceAddress("vscode://file/{file}:{line}", { ...place, line: 7 }), "vscode://file/app/shop/a%20b.py:7");
  assert.equal(sourceAddress(forge, { ...place, file: "/usr/lib/python3.12/json.py" }), "");
  assert.equal(sourceAddress("javascript:alert({line})", place), "");
  assert.equal(sourceAddress("", place), "");
});

test("an address finds the same node and the same view again", () => {
  const layout = layoutOf(randomRows(2000, 4));
  const names = (node) => [...keysTo(layout.tree, node)];
  for (let node = 1; node < 2000; node += 37) {
    assert.deepEqual(names(markedNode(layout.tree, nodeMark(layout.tree, node))), names(node));
  }
  assert.equal(nodeMark(layout.tree, 0), "");
  for (const mark of ["", null, "3.nothere", "x", "99999.1"]) assert.equal(markedNode(layout.tree, mark), 0);
  assert.equal(viewMark({ start: 0, end: 8 }, { start: 0, end: 8 }, 8), "");
  const mark = viewMark({ start: 1, end: 3 }, { start: 0, end: 8 }, 8);
  assert.deepEqual(markedView(mark, 8), { start: 1, end: 3 });
  const tiny = markedView(viewMark({ start: 1e-5, end: 2e-5 }, { start: 0, end: 8 }, 8), 8);
  assert.ok(Math.abs(tiny.start - 1e-5) < 1e-9 && Math.abs(tiny.end - 2e-5) < 1e-9);
  for (const bad of ["", "1", "2-1", "0-9", "a-b", null]) assert.equal(markedView(bad, 1), null);
  const options = optionsFrom(new URLSearchParams("search=x&hide=a&hide=b&own=shop&library=/srv/v/&sort=-total"));
  assert.deepEqual([options.search, options.hidden, options.origins, options.sort, options.view], ["x", ["a", "b"], [["shop", "own"], ["/srv/v/", "library"]], "-total", "overview"]);
});

test("of a long table only the rows in sight and a few more exist", () => {
  assert.deepEqual(rowsInSight(0, 460, 3), { first: 0, end: 3 });
  const { first, end } = rowsInSight(46 * 1000, 460, 5000);
  assert.ok(first <= 1000 && end >= 1010 && end - first < 30);
  assert.equal(rowsInSight(46 * 4990, 460, 5000).end, 5000);
  assert.deepEqual(rowsInSight(0, 460, 0), { first: 0, end: 0 });
});

test("a span is moved and scaled within the whole, however far is asked", () => {
  assert.deepEqual(panned({ start: 2, end: 4 }, 8, 0.5), { start: 3, end: 5 });
  assert.deepEqual(panned({ start: 2, end: 4 }, 8, -9), { start: 0, end: 2 });
  assert.deepEqual(panned({ start: 2, end: 4 }, 8, 9), { start: 6, end: 8 });
  assert.deepEqual(centred({ start: 0, end: 2 }, 8, 0.5), { start: 3, end: 5 });
  assert.deepEqual(centred({ start: 0, end: 2 }, 8, 1), { start: 6, end: 8 });
  assert.deepEqual(scaled({ start: 2, end: 6 }, 8, 0.5, 0), { start: 2, end: 4 });
  assert.deepEqual(scaled({ start: 2, end: 6 }, 8, 99, 0.5), { start: 0, end: 8 });
});

test("a glide begins where it was, ends at its target and never leaves the way between", () => {
  const [from, target] = [{ start: 0, end: 8 }, { start: 2, end: 4 }];
  const glide = { from, since: 1000 };
  assert.deepEqual(glided(glide, target, 900), [from, glide]);
  const [middle] = glided(glide, target, 1050);
  assert.ok(middle.start > 0 && middle.start < 2 && middle.end > 4 && middle.end < 8);
  assert.deepEqual(glided(glide, target, 5000), [target, null]);
});

test("arrow keys lead to parent, widest child and neighbours, and stay at the edges", () => {
  const layout = layoutOf(ROWS); // all > main (> work > work, small), idle
  assert.equal(neighbour(layout, 0, "child"), 1);
  assert.equal(neighbour(layout, 1, "right"), 2);
  assert.equal(neighbour(layout, 2, "right"), 2);
  assert.equal(neighbour(layout, 3, "parent"), 1);
  assert.equal(neighbour(layout, 0, "parent"), 0);
  assert.equal(neighbour(layout, 5, "child"), 5);
  assert.equal(neighbour(layout, 5, "root"), 0);
});

test("a node without any of the value is stood for by the nearest above that has some", () => {
  const layout = layoutOf([["all", -1, 0], ["main", 0, 3], ["empty", 1, 0], ["emptier", 2, 0]]);
  assert.equal(nearest(layout, 3), 1);
  assert.equal(nearest(layout, 1), 1);
});

test("the innermost frame that fills a span is found", () => {
  const layout = layoutOf(ROWS);
  const spanOf = (node) => ({ start: layout.x[layout.slot[node]], end: layout.x[layout.slot[node]] + layout.total[layout.slot[node]] });
  for (const node of [1, 2, 3, 4, 5]) assert.equal(nodeFilling(layout, spanOf(node)), node);
  assert.equal(nodeFilling(layout, { start: 0, end: layout.sum }), 0);
});
