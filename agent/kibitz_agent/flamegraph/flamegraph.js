// The flame graph: an icicle with its root at the top, on a canvas as high as the screen allows.
//
//   const graph = new FlameGraph(element, payload, { value: "wall" });
//
// Works alone in a page of its own and inside another page; needs no network, no build step and no inline styles.

import { stackText } from "./actions.js";
import { sumOver } from "./amounts.js";
import { themeColours } from "./colour.js";
import { changesOf, compared } from "./compare.js";
import { functionRows } from "./functions.js";
import { listen } from "./input.js";
import { Minimap } from "./minimap.js";
import { decodeTree, functionsOf, keysTo, layOut, nodeByKeys } from "./model.js";
import { nearest, neighbour } from "./neighbours.js";
import { Origins } from "./origins.js";
import { Outline } from "./outline.js";
import { Painter } from "./painter.js";
import { boxAt, drawMap, drawScene, framesShown } from "./scene.js";
import { compileSearch, matchFrames, matchNodes, prepareSearch } from "./search.js";
import { buildShell } from "./shell.js";
import { centred, glided, nodeFilling, panned, scaled } from "./spans.js";
import { markedNode, markedView, stateOf } from "./state.js";
import { describe, showChips, showLegend, showMatches, showPath, showValue } from "./surroundings.js";
import { FunctionTable } from "./table.js";
import { sentence, showTooltip } from "./tooltip.js";
import { openBox, openRow, reveal, scrollTo } from "./travel.js";
import { VIEWS, treeInView, withOnly, withoutFrames } from "./views.js";

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
    this.table = new FunctionTable(this.parts.table, (row) => openRow(this, row), () => this.changed());
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
    if (focus) this.zoomQuietly((this.focus = nearest(this.layout, markedNode(this.tree, focus))));
    const view = at ? markedView(at, this.layout.sum) : null;
    if (view) this.moveView(view, true);
    if (search) this.search(search);
    if (selected) this.select(nearest(this.layout, markedNode(this.tree, selected)) || -1);
  }

  /** All that an address should say to show the same again: see `stateOf`. */
  state() {
    return stateOf(this);
  }

  /** Shows another payload; value, zoom, selection and search stay where the new tree still has them. */
  setPayload(payload, baseline = null) {
    const tree = decodeTree(payload);
    const source = baseline ? compared(tree, decodeTree(baseline), this.options.compareBy) : tree;
    const wanted = this.tree ? this.value : this.options.value;
    this.source = source;
    this.payload = payload;
    this.shapeTree(Math.max(0, source.values.findIndex(({ name }) => name === wanted)));
    describe(this);
    this.showLayout();
  }

  // Makes the tree that is drawn from the one that came; zoom and selection stay where it still has them.
  shapeTree(which, keep = true) {
    const { source, hidden, tree } = this;
    const kept = keep && tree && { focus: keysTo(tree, this.focus), selected: keysTo(tree, Math.max(0, this.selected)) };
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

  /** Widths by another value, e.g. "cpu"; a frame without any of it gives its place to the nearest one above. */
  setValue(name) {
    const which = this.tree.values.findIndex((value) => value.name === name);
    if (which < 0) throw new RangeError(`no value ${name}: there is ${this.tree.values.map((v) => v.name).join(", ")}`);
    this.layout = layOut(this.tree, which);
    this.focus = nearest(this.layout, this.focus);
    if (this.selected >= 0) this.selected = nearest(this.layout, this.selected);
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
    reveal(this, node);
  }

  /** Fills the width with `node` and what it calls. */
  zoom(node, { keepSelection = false } = {}) {
    const slot = this.layout.slot[node] ?? -1;
    if (slot < 0) return;
    this.focus = node;
    if (!keepSelection && this.selected >= 0) this.select(node);
    this.moveView({ start: this.layout.x[slot], end: this.layout.x[slot] + this.layout.total[slot] });
    scrollTo(this, node);
    showPath(this);
    this.changed();
  }

  /** Shows everything again. */
  reset() {
    this.zoom(0, { keepSelection: true });
  }

  /** Opens what was clicked: zooms to a frame, or to the span of a run of narrow ones. */
  open(box) {
    if (box) openBox(this, box);
  }

  /** Moves the view sideways by a fraction of its width. */
  pan(fraction) {
    this.setView(panned(this.target, this.layout.sum, fraction));
  }

  /** Moves the view so that its middle is at a fraction of the whole. */
  centre(fraction) {
    this.setView(centred(this.target, this.layout.sum, fraction));
  }

  /** Widens (factor > 1) or narrows the view around a point, 0 (left) to 1 (right). */
  scale(factor, around) {
    this.setView(scaled(this.target, this.layout.sum, factor, around));
  }

  setView(view, glide = false) {
    if (!(view.end > view.start)) return;
    this.focus = nodeFilling(this.layout, view);
    this.moveView(view, !glide);
    showPath(this);
    this.changed();
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
    this.reveal(neighbour(this.layout, this.selected < 0 ? this.focus : this.selected, where));
  }

  /** The box under a point of the canvas (CSS pixels): `{slot, node, level, count, narrow}` or null. */
  boxAt(px, py) {
    return boxAt(this, px, py);
  }

  /** What the view shows now, top to bottom, left to right, in CSS pixels of the canvas. */
  visibleFrames() {
    return framesShown(this);
  }

  /** Points at a box (or null): outlines it and shows its tooltip beside the pointer. */
  hover(box, event) {
    const other = box?.slot !== this.hovered?.slot;
    this.hovered = box;
    this.parts.canvas.classList.toggle("kb-pointing", Boolean(box));
    showTooltip(this, box, event, other);
    if (other) this.redraw();
  }

  /** How much of the value there is in all: where one function is inspected, what others spent too. */
  get whole() {
    return this.tree.up ? sumOver(this.base.values[this.layout.which]) : this.layout.sum;
  }

  get unit() {
    return this.tree.values[this.layout.which].unit;
  }

  showLayout() {
    showChips(this);
    showValue(this);
    this.changes = changesOf(this.layout);
    this.parts.sizer.style.height = `${this.layout.levels * this.painter.rowHeight}px`;
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

  fillTable() {
    this.tableRequest = 0;
    const fresh = !this.functions;
    this.functions ??= functionRows(this.base, this.layout, this.layout.which);
    if (fresh) {
      showLegend(this);
      prepareSearch(this.base);
      if (this.selected < 0) this.outline.tell(this.layout, -1);
    }
    const sum = this.changes ? this.tree.values[this.layout.which].whole.after : this.whole;
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
    drawScene(this);
    drawMap(this);
    this.drawn = (this.drawn ?? 0) + 1;
    if (this.glide) this.redraw();
  }

  advance(now) {
    if (this.glide) [this.view, this.glide] = glided(this.glide, this.target, now);
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
