// The flame graph: an icicle with its root at the top, on a canvas as high as the screen allows.
//
//   const graph = new FlameGraph(element, payload, { value: "wall" });
//
// Works alone in a page of its own and inside another page; needs no network, no build step and no inline styles.

import { stackText } from "./actions.js";
import { visibleBoxes } from "./boxes.js";
import { SPECIAL, themeColours } from "./colour.js";
import { changesOf, compared } from "./compare.js";
import { formatValue } from "./format.js";
import { functionRows } from "./functions.js";
import { listen } from "./input.js";
import { Minimap } from "./minimap.js";
import {
  decodeTree, functionsOf, keysTo, layOut, levelOf, nodeByKeys, pathTo, slotAt, widestChild,
} from "./model.js";
import { Origins } from "./origins.js";
import { Outline } from "./outline.js";
import { Painter } from "./painter.js";
import { compileSearch, matchFrames, matchNodes, prepareSearch } from "./search.js";
import { buildShell } from "./shell.js";
import { markedNode, markedView, stateOf } from "./state.js";
import { describe, showChips, showLegend, showMatches, showPath } from "./surroundings.js";
import { FunctionTable } from "./table.js";
import { fillTooltip, placeTooltip, sentence } from "./tooltip.js";
import { VIEWS, treeInView, withOnly, withoutFrames } from "./views.js";

const ZOOM_MS = 180;
const TINY_PX = 24;
const LEAST_VIEW = 1e-9;

/**
 * Draws one payload in `container`. Options: `value` (which value to begin with), `search` (text to begin with),
 * `theme` ("light", "dark" or "auto"), `view` (one of `VIEWS`), `inspect` (the function to inspect), `hidden` (names of
 * functions to leave out), `only` (a search whose stacks alone are kept), `origins` (pairs of a package, module or path and
 * "own" or "library"), `sort` ("-total": by total, largest first), `focus`, `selected` and `at` (as `state()` names them),
 * `source` ({forge, editor, root}: templates of addresses, and where the forge's files begin), `onChange(graph)` (called
 * when any of these or the zoom change), `onCompare(graph)` (the key d), `baseline` (a payload to compare with),
 * `compareBy` ("share", or "absolute" for amounts).
 *
 * Read-only state: `value`, `focus` (the zoomed node, 0 for all), `selected` (a node or -1), `matchCount`,
 * `matchShare` (0..1 of the whole), `view` ({start, end} in the value's unit), `visibleFrames()`.
 */
export class FlameGraph {
  constructor(container, payload, options = {}) {
    this.options = options;
    this.parts = buildShell(container);
    this.painter = new Painter(this.parts.canvas);
    this.table = new FunctionTable(this.parts.table, (row) => this.choose(row), () => this.changed());
    this.minimap = new Minimap(this.parts.minimap, (fraction) => this.centre(fraction));
    this.outline = new Outline(this.parts.canvas);
    this.origins = new Origins(options.origins ?? []);
    this.painter.setOrigins(this.origins);
    this.focus = 0;
    this.selected = -1;
    this.hovered = null;
    this.searchText = "";
    this.shape = { view: VIEWS.includes(options.view) ? options.view : VIEWS[0], inspect: options.inspect ?? "", only: options.only ?? "" };
    this.hidden = new Set(options.hidden ?? []);
    this.frameRequest = 0;
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.stopListening = listen(this);
    this.repaint = () => this.applyTheme();
    this.dark.addEventListener("change", this.repaint);
    this.resizing = new ResizeObserver(() => this.painter.fits(this.parts.stage) || this.redraw());
    this.resizing.observe(this.parts.stage);
    this.applyTheme();
    this.setPayload(payload, options.baseline ?? null);
    this.restore(options);
    this.ready = true;
  }

  // What an address said, once there is something to show.
  restore({ search, focus, selected, at, sort }) {
    if (sort) this.table.setOrder(sort.replace(/^-/, ""), !sort.startsWith("-"));
    if (focus) this.zoomQuietly((this.focus = this.nearest(markedNode(this.tree, focus))));
    const view = at ? markedView(at, this.layout.sum) : null;
    if (view) this.moveView(view, true);
    if (search) this.search(search);
    if (selected) this.select(this.nearest(markedNode(this.tree, selected)) || -1);
  }

  /** All that an address should say to show the same again: see `stateOf`. */
  state() {
    return stateOf(this);
  }

  /** Shows another payload; value, zoom, selection and search stay where the new tree still has them. */
  setPayload(payload, baseline = null) {
    const source = baseline
      ? compared(decodeTree(payload), decodeTree(baseline), this.options.compareBy)
      : decodeTree(payload);
    const wanted = this.tree ? this.value : this.options.value;
    this.source = source;
    this.payload = payload;
    this.shapeTree(Math.max(0, source.values.findIndex(({ name }) => name === wanted)));
    describe(this);
    this.showLayout();
  }

  // Makes the tree that is drawn from the one that came; zoom and selection stay where it still has them.
  shapeTree(which, keep = true) {
    const kept = keep && this.tree && {
      focus: keysTo(this.tree, this.focus), selected: keysTo(this.tree, Math.max(0, this.selected)),
    };
    const { source, hidden } = this;
    this.base = hidden.size ? withoutFrames(source, Uint8Array.from(source.name, (name) => (hidden.has(name) ? 1 : 0))) : source;
    const wanted = this.shape.only ? matchFrames(source, compileSearch(this.shape.only).test) : null;
    if (wanted) this.base = withOnly(this.base, wanted);
    this.tree = treeInView(this.base, this.shape.view, this.source.name.indexOf(this.shape.inspect));
    this.painter.setTree(this.tree);
    this.layout = layOut(this.tree, which);
    this.focus = kept ? nodeByKeys(this.layout, kept.focus) : 0;
    this.selected = kept && this.selected > 0 ? nodeByKeys(this.layout, kept.selected) || -1 : -1;
    this.hover(null);
  }

  reshape() {
    this.shapeTree(this.layout.which, false);
    this.showLayout();
  }

  /** Shows a view, "overview", "hotspots" or "inspect"; inspects `name`, else the selected function, else the hottest. */
  show(view, name = "") {
    if (!VIEWS.includes(view)) throw new RangeError(`no view ${view}: there is ${VIEWS.join(", ")}`);
    const hottest = () => this.source.name[(this.functions ?? functionsOf(layOut(this.base, this.layout.which)))[0]?.frame] ?? "";
    this.shape = { ...this.shape, view, inspect: view === "inspect" ? name || this.selectedName() || this.shape.inspect || hottest() : "" };
    this.reshape();
  }

  /** Leaves a function and all it calls out of every figure, until `unhide`. */
  hide(name) {
    if (!name) return;
    this.hidden.add(name);
    this.reshape();
  }

  /** Brings a hidden function back. */
  unhide(name) {
    this.hidden.delete(name);
    this.reshape();
  }

  /** Keeps only the stacks through functions or files that a search finds; "" keeps all. */
  keepOnly(text) {
    this.shape = { ...this.shape, only: text.trim() };
    this.reshape();
  }

  /** Counts a package, a module or what lies below a path as "own" code or a "library"; "" forgets what was said. */
  setOrigin(part, origin) {
    if (origin) this.origins.known.set(part, origin);
    else this.origins.known.delete(part);
    this.painter.setOrigins(this.origins);
    showChips(this);
    showLegend(this);
    this.mapDrawn = null;
    this.redraw();
    this.changed();
  }

  /** Shares of functions over time for the table: a map from names to numbers from 0 to 1, or null. */
  setTrends(trends) {
    this.table.setTrends(trends);
  }

  /** Name of the selected function, "" when none is. */
  selectedName() {
    return this.selected > 0 || (this.selected === 0 && this.tree.up) ? this.tree.name[this.tree.frame[this.selected]] : "";
  }

  /** The selected frame's stack as text, outermost first, a frame a line. */
  stackText() {
    return stackText(this);
  }

  // A row of the table was picked.
  choose(row) {
    const name = this.source.name[row.frame];
    if (this.shape.view === "inspect") this.show("inspect", name);
    else if (this.shape.view === "overview") this.reveal(row.widest);
    else {
      const below = this.layout.children.list.subarray(0, this.layout.children.first[1]);
      const node = below.find((child) => this.tree.frame[child] === row.frame);
      if (node !== undefined) this.reveal(node);
      else this.search(name);
    }
  }

  /** Widths by another value, e.g. "cpu"; a frame without any of it gives its place to the nearest one above. */
  setValue(name) {
    const which = this.tree.values.findIndex((value) => value.name === name);
    if (which < 0) throw new RangeError(`no value ${name}: there is ${this.tree.values.map((v) => v.name).join(", ")}`);
    this.layout = layOut(this.tree, which);
    this.focus = this.nearest(this.focus);
    if (this.selected >= 0) this.selected = this.nearest(this.selected);
    this.showLayout();
  }

  /** Name of the value shown. */
  get value() {
    return this.tree.values[this.layout.which].name;
  }

  /** Highlights functions whose name or file contains `text` (or matches `/text/`), counts them, filters the table. */
  search(text) {
    this.searchText = text;
    if (this.parts.input.value !== text) this.parts.input.value = text;
    const { test, error } = compileSearch(text.trim());
    this.searchError = error;
    this.matched = matchFrames(this.tree, test);
    this.matches = matchNodes(this.layout, this.matched);
    this.matchAt = -1;
    showMatches(this);
    this.showTable();
    this.changed();
  }

  get matchCount() {
    return this.matches.count;
  }

  get matchShare() {
    return this.layout.sum > 0 ? this.matches.covered / this.layout.sum : 0;
  }

  /** Goes to the next (1) or previous (-1) match, left to right, and zooms out or in so that it can be seen. */
  step(by) {
    if (!this.matchCount) return;
    const { nodes } = this.matches;
    const from = this.matchAt < 0 && by < 0 ? 0 : this.matchAt;
    this.matchAt = (from + by + nodes.length) % nodes.length;
    this.reveal(nodes[this.matchAt]);
    showMatches(this);
  }

  /** Selects a node and makes sure it can be seen: scrolled to, and zoomed to when tiny or outside the view. */
  reveal(node) {
    const slot = this.layout.slot[node];
    if (slot < 0) return;
    this.select(node);
    const [from, to] = [this.layout.x[slot], this.layout.x[slot] + this.layout.total[slot]];
    const width = ((to - from) / (this.target.end - this.target.start)) * this.parts.stage.clientWidth;
    if (width < TINY_PX || to <= this.target.start || from >= this.target.end) {
      const above = this.ancestorShowing(node);
      this.zoom(above, { keepSelection: true });
    }
    this.scrollTo(node);
  }

  // The outermost ancestor to zoom to that makes `node` at least TINY_PX wide; the node itself when none does.
  ancestorShowing(node) {
    const { layout } = this;
    const enough = (layout.total[layout.slot[node]] * this.parts.stage.clientWidth) / (TINY_PX * 2);
    return pathTo(this.tree, node).find((at) => layout.total[layout.slot[at]] <= enough) ?? node;
  }

  /** Fills the width with `node` and what it calls. */
  zoom(node, { keepSelection = false } = {}) {
    const slot = this.layout.slot[node] ?? -1;
    if (slot < 0) return;
    this.focus = node;
    if (!keepSelection && this.selected >= 0) this.select(node);
    this.moveView({ start: this.layout.x[slot], end: this.layout.x[slot] + this.layout.total[slot] });
    this.scrollTo(node);
    showPath(this);
    this.changed();
  }

  /** Shows everything again. */
  reset() {
    this.zoom(0, { keepSelection: true });
  }

  /** Opens what was clicked: zooms to a frame, or to the span of a run of narrow ones. */
  open(box) {
    if (!box) return;
    this.hover(null);
    if (!box.narrow) {
      this.select(box.node);
      this.zoom(box.node, { keepSelection: true });
      return;
    }
    const { x, total } = this.layout;
    const last = box.slot + box.count - 1;
    this.setView({ start: x[box.slot], end: x[last] + total[last] }, true);
  }

  /** Moves the view sideways by a fraction of its width. */
  pan(fraction) {
    const { start, end } = this.target;
    const by = Math.max(-start, Math.min(this.layout.sum - end, fraction * (end - start)));
    this.setView({ start: start + by, end: end + by });
  }

  /** Moves the view so that its middle is at a fraction of the whole. */
  centre(fraction) {
    const { start, end } = this.target;
    const wide = end - start;
    const from = Math.max(0, Math.min(this.layout.sum - wide, fraction * this.layout.sum - wide / 2));
    this.setView({ start: from, end: from + wide });
  }

  /** Widens (factor > 1) or narrows the view around a point, 0 (left) to 1 (right). */
  scale(factor, around) {
    const { start, end } = this.target;
    const fixed = start + around * (end - start);
    const wide = Math.max(this.layout.sum * LEAST_VIEW, (end - start) * factor);
    const from = Math.max(0, fixed - around * wide);
    this.setView({ start: from, end: Math.min(this.layout.sum, from + wide) });
  }

  setView(view, glide = false) {
    if (!(view.end > view.start)) return;
    this.focus = this.nodeAround(view);
    this.moveView(view, !glide);
    showPath(this);
    this.changed();
  }

  // The innermost frame that fills the whole view.
  nodeAround({ start, end }) {
    const { layout } = this;
    const slack = (end - start) * 1e-6;
    let found = 0;
    for (let level = layout.rootLevel + 1; level < layout.levels; level++) {
      const slot = slotAt(layout, level, start + slack);
      if (slot < 0 || layout.x[slot] + layout.total[slot] < end - slack) break;
      found = layout.node[slot];
    }
    return found;
  }

  nearest(node) {
    let at = node;
    while (at > 0 && this.layout.slot[at] < 0) at = this.tree.parent[at];
    return at;
  }

  /** Selects a node for the keyboard and the status line; -1 selects nothing. */
  select(node) {
    this.selected = node;
    this.parts.status.textContent = node < 0 ? "" : sentence(this, node);
    this.outline.tell(this.layout, node);
    this.redraw();
  }

  /** Moves the selection: "parent", "child" (the widest), "left", "right" (same level), "root". */
  move(where) {
    const { layout, tree } = this;
    const at = this.selected < 0 ? this.focus : this.selected;
    const slot = layout.slot[at];
    const level = levelOf(layout, slot);
    const isCaller = Boolean(tree.up?.[at]);
    const to = (node) => (node < 0 ? at : node);
    const away = (up) => to(widestChild(layout, at, up));
    const inLevel = (other) => (other >= layout.start[level] && other < layout.start[level + 1] ? layout.node[other] : at);
    const moves = {
      parent: () => (isCaller || (at === 0 && tree.up) ? away(true) : Math.max(0, tree.parent[at])),
      child: () => (isCaller ? to(tree.parent[at]) : away(false)),
      left: () => inLevel(slot - 1),
      right: () => inLevel(slot + 1),
      root: () => 0,
    };
    this.reveal(moves[where]());
  }

  /** The box under a point of the canvas (CSS pixels): `{slot, node, level, count, narrow}` or null. */
  boxAt(px, py) {
    const { stage } = this.parts;
    const level = Math.floor((py + stage.scrollTop) / this.painter.rowHeight);
    const { boxes } = this.boxesOf(this.view, level, level + 1);
    const at = px * this.painter.ratio;
    let k = 0;
    while (k < boxes.length && !(at >= boxes.left[k] && at < boxes.right[k])) k++;
    return k === boxes.length || !(this.layout.sum > 0) ? null : this.box(boxes, k);
  }

  box(boxes, k) {
    const slot = boxes.slot[k];
    return {
      slot, node: this.layout.node[slot], level: boxes.level[k], count: boxes.count[k], narrow: boxes.narrow[k] === 1,
    };
  }

  boxesOf(view, from, to) {
    return { boxes: visibleBoxes(this.layout, view, this.parts.canvas.width, from, to) };
  }

  /** What the view shows now, top to bottom, left to right, in CSS pixels of the canvas. */
  visibleFrames() {
    const { top, first, levels } = this.rows();
    const { ratio, rowHeight } = this.painter;
    const { boxes } = this.boxesOf(this.target, first, first + levels);
    return Array.from({ length: boxes.length }, (_, k) => {
      const box = this.box(boxes, k);
      return {
        ...box,
        name: this.tree.name[this.tree.frame[box.node]],
        x: boxes.left[k] / ratio,
        y: box.level * rowHeight - top,
        width: (boxes.right[k] - boxes.left[k]) / ratio,
        height: rowHeight,
      };
    });
  }

  rows() {
    const { stage } = this.parts;
    const top = stage.scrollTop;
    const first = Math.floor(top / this.painter.rowHeight);
    const last = Math.min(this.layout.levels, Math.ceil((top + stage.clientHeight) / this.painter.rowHeight));
    return { top, first, levels: Math.max(0, last - first) };
  }

  scrollTo(node) {
    const { stage } = this.parts;
    const row = this.painter.rowHeight;
    const y = levelOf(this.layout, this.layout.slot[node]) * row;
    const low = stage.scrollTop + stage.clientHeight - 2 * row;
    if (y < stage.scrollTop || y > low) stage.scrollTop = Math.max(0, y - Math.min(3 * row, stage.clientHeight / 3));
  }

  /** Points at a box (or null): outlines it and shows its tooltip beside the pointer. */
  hover(box, event) {
    const { tooltip, canvas } = this.parts;
    const before = this.hovered?.slot;
    this.hovered = box;
    canvas.classList.toggle("kb-pointing", Boolean(box));
    tooltip.hidden = !box;
    if (box) {
      if (box.slot !== before || !tooltip.childElementCount) fillTooltip(this, box);
      placeTooltip(this, event);
    } else tooltip.replaceChildren();
    if (box?.slot !== before) this.redraw();
  }

  get unit() {
    return this.tree.values[this.layout.which].unit;
  }

  showLayout() {
    const { canvas, values, empty, sizer } = this.parts;
    showChips(this);
    this.changes = changesOf(this.layout);
    for (const button of values.children) button.setAttribute("aria-pressed", String(button.dataset.value === this.value));
    const all = formatValue(this.layout.sum, this.unit);
    canvas.setAttribute(
      "aria-label",
      `Flame graph of ${this.value}, ${all} in all. Arrow keys move between frames, Enter zooms, Escape shows ` +
        "everything. The table of functions holds the same figures as text.",
    );
    empty.hidden = this.layout.sum > 0;
    empty.textContent = `No ${this.value} was recorded here. Choose another value or a longer period.`;
    sizer.style.height = `${this.layout.levels * this.painter.rowHeight}px`;
    this.functions = null;
    this.zoomQuietly(this.focus);
    if (this.selected >= 0) this.select(this.selected);
    this.search(this.searchText);
  }

  zoomQuietly(node) {
    const slot = this.layout.slot[node];
    this.moveView({ start: this.layout.x[slot], end: this.layout.x[slot] + (this.layout.total[slot] || 1) }, true);
    showPath(this);
  }

  // The picture first: the table is worked out once it has been presented.
  showTable() {
    this.tableRequest ||= requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => this.fillTable())));
  }

  /** Samples of a box, where they are not what is shown anyway; null where nobody counted them. */
  samplesIn(box) {
    return this.value === "samples" || !this.tree.values.some(({ name }) => name === "samples") ? null : this.amountIn(box, "samples");
  }

  /** How much of the value called `name` a box holds, whichever value is shown; 0 where nobody measured it. */
  amountIn({ slot, count, narrow }, name) {
    const which = this.tree.values.findIndex((value) => value.name === name);
    if (which < 0) return 0;
    if (this.others?.tree !== this.tree) this.others = { tree: this.tree, layouts: new Map() };
    const { layouts } = this.others;
    if (!layouts.has(which)) layouts.set(which, which === this.layout.which ? this.layout : layOut(this.tree, which));
    const [layout, other] = [this.layout, layouts.get(which)];
    let all = 0;
    for (let at = slot; at < slot + (narrow ? count : 1); at++) all += other.total[other.slot[layout.node[at]]] || 0;
    return all;
  }

  /** All there is of the value called `name`, hidden and filtered frames included; 0 where nobody measured it. */
  wholeOf(name) {
    return this.source.values.find((value) => value.name === name)?.self.reduce((sum, own) => sum + own, 0) ?? 0;
  }

  fillTable() {
    this.tableRequest = 0;
    const fresh = !this.functions;
    this.functions ??= functionRows(this.base, this.layout, this.layout.which);
    if (fresh) {
      showLegend(this);
      prepareSearch(this.base);
      if (this.selected < 0) this.outline.tell(this.layout, -1);
    }
    const sum = this.changes ? this.tree.values[this.layout.which].whole.after : this.layout.sum;
    this.table.show(this.base, this.functions, { unit: this.unit, sum, matched: this.matched, compares: Boolean(this.changes) });
  }

  moveView(target, atOnce = false) {
    this.target = target;
    if (atOnce || !this.view || this.calm.matches) {
      this.view = target;
      this.glide = null;
    } else this.glide = { from: this.view, since: performance.now() };
    this.redraw();
  }

  changed() {
    if (this.ready) this.options.onChange?.(this);
  }

  applyTheme() {
    const asked = this.options.theme ?? "auto";
    const set = asked === "auto" ? this.parts.root.closest("[data-theme]")?.dataset.theme : asked;
    const theme = set === "light" || set === "dark" ? set : this.dark.matches ? "dark" : "light";
    this.parts.root.dataset.colours = theme;
    this.colours = themeColours(theme);
    this.mapDrawn = null;
    this.redraw();
  }

  /** Draws on the next animation frame; many calls make one picture. */
  redraw() {
    if (!this.frameRequest) {
      this.frameRequest = requestAnimationFrame((now) => {
        this.frameRequest = 0;
        this.draw(now);
      });
    }
  }

  draw(now) {
    if (!this.layout) return;
    this.advance(now);
    const { stage, sizer } = this.parts;
    this.painter.resize(stage.clientWidth, stage.clientHeight, Math.min(3, devicePixelRatio || 1));
    sizer.style.height = `${this.layout.levels * this.painter.rowHeight}px`;
    const { top, first, levels } = this.rows();
    const { boxes } = this.boxesOf(this.view, first, first + (this.layout.sum > 0 ? levels : 0));
    this.painter.draw({
      boxes, layout: this.layout, colours: this.colours, matched: this.matched, top, firstLevel: first,
      levels: this.layout.sum > 0 ? levels : 0, view: this.view, outlines: this.outlines(),
      changes: this.changes,
    });
    this.drawMap();
    this.drawn = (this.drawn ?? 0) + 1;
    if (this.glide) this.redraw();
  }

  // Beneath the picture's own first drawing: the map can wait for the next frame.
  drawMap() {
    const { layout, colours, minimap, view } = this;
    minimap.mark(view, layout.sum);
    if (!this.drawn || (this.mapDrawn === layout && minimap.canvas.width === minimap.element.clientWidth)) return;
    this.mapDrawn = layout;
    const { painter } = this;
    minimap.draw(layout, (boxes, k) => colours.pixel(painter.plainColour({ layout }, boxes, k)), colours.pixel(SPECIAL.gap));
  }

  advance(now) {
    if (!this.glide) return;
    const part = Math.min(1, Math.max(0, (now - this.glide.since) / ZOOM_MS));
    const eased = 1 - (1 - part) ** 3;
    const { from } = this.glide;
    const between = (a, b) => a + (b - a) * eased;
    this.view = part < 1
      ? { start: between(from.start, this.target.start), end: between(from.end, this.target.end) }
      : this.target;
    if (part === 1) this.glide = null;
  }

  outlines() {
    const outline = (node, colour, thick) => {
      const slot = this.layout.slot[node];
      return slot < 0 ? [] : [{ slot, level: levelOf(this.layout, slot), colour, thick }];
    };
    const ink = this.colours.text.normal;
    const hovered = this.hovered && !this.hovered.narrow ? outline(this.hovered.node, ink, 1) : [];
    return [...hovered, ...(this.selected >= 0 ? outline(this.selected, ink, 2) : [])];
  }

  /** Removes the graph and its listeners. */
  destroy() {
    this.stopListening();
    this.resizing.disconnect();
    this.dark.removeEventListener("change", this.repaint);
    cancelAnimationFrame(this.frameRequest);
    this.parts.root.remove();
  }
}
