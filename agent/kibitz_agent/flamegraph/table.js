// The functions as a table: the picture's full text equivalent, filtered by the same search. Only the rows in sight exist.

import { formatChange } from "./compare.js";
import { formatPlace, formatShare, formatValue, grouped, plainText, splitName } from "./format.js";

const ROW_PX = 46;
const SPARE_ROWS = 6;
const TREND = { width: 72, height: 20 };
const HEADS = [
  ["self", "Self", "Time spent in the function itself"], ["total", "Total", "Time spent in it and in what it calls"],
  ["change", "Change", "Its share now, less its share before"], ["trend", "Trend", "Its share over the range; sorted by how much it moves"],
  ["name", "Function", "The function's name"],
];

/** Where the rows in sight begin and end, of `count` rows of `ROW_PX`. */
export function rowsInSight(scrollTop, height, count) {
  const first = Math.max(0, Math.min(count, Math.floor(scrollTop / ROW_PX)) - SPARE_ROWS);
  return { first, end: Math.min(count, first + Math.ceil(height / ROW_PX) + 2 * SPARE_ROWS + 1) };
}

/** A table of functions in `container`; calls `choose(row)` when one is picked and `onSort(table)` when it is sorted. */
export class FunctionTable {
  constructor(container, choose, onSort = () => {}) {
    [this.choose, this.onSort, this.element] = [choose, onSort, container];
    [this.order, this.upwards, this.rows, this.at] = ["self", false, [], 0];
    this.trends = null;
    this.table = make("table", "kb-table", container);
    make("caption", "kb-sr", this.table).textContent = "Functions by time spent";
    this.buildHead(make("tr", "", make("thead", "", this.table)));
    this.body = make("tbody", "", this.table);
    this.more = make("p", "kb-more", container);
    container.addEventListener("scroll", () => this.later());
    new ResizeObserver(() => this.later()).observe(container);
    this.body.addEventListener("keydown", (event) => this.step(event));
    this.markOrder();
  }

  buildHead(head) {
    this.headers = {};
    for (const [key, text, title] of HEADS) {
      const cell = make("th", key === "name" ? "kb-name" : `kb-number kb-${key}`, head);
      cell.scope = "col";
      const button = make("button", "kb-sort", cell);
      button.type = "button";
      button.textContent = text;
      button.title = title;
      button.addEventListener("click", () => this.sort(key, key === this.order ? !this.upwards : key === "name"));
      this.headers[key] = cell;
    }
    this.headers.change.hidden = this.headers.trend.hidden = true;
  }

  /** Sorts by a column: "self", "total", "change", "trend" or "name". */
  sort(key, upwards = key === "name") {
    if (!(key in this.headers)) return;
    [this.order, this.upwards] = [key, upwards];
    this.markOrder();
    this.arrange();
    this.onSort(this);
  }

  /** Sets the order without asking for anything else. */
  setOrder(key, upwards) {
    if (key in this.headers) [this.order, this.upwards] = [key, upwards];
  }

  markOrder() {
    for (const [key, cell] of Object.entries(this.headers)) {
      const order = this.upwards ? "ascending" : "descending";
      cell.setAttribute("aria-sort", key === this.order ? order : "none");
    }
  }

  /** `rows` as `functionsOf` gives them; `matched` a byte per frame or null. */
  show(tree, rows, { unit, sum, matched, compares = false }) {
    this.compares = compares;
    if (!compares && this.order === "change") this.order = "self";
    this.markOrder();
    [this.tree, this.all, this.unit, this.sum] = [tree, matched ? rows.filter((row) => matched[row.frame]) : rows, unit, sum];
    this.element.scrollTop = this.sameTree === tree ? this.element.scrollTop : 0;
    this.sameTree = tree;
    this.arrange();
  }

  /** Shares over time: a map from a function's name to numbers from 0 to 1, or null. */
  setTrends(trends) {
    this.trends = trends;
    if (this.tree) this.arrange();
  }

  trendOf(row) {
    return this.trends?.get(this.tree.name[row.frame]) ?? null;
  }

  arrange() {
    this.headers.change.hidden = !this.compares;
    this.headers.trend.hidden = !this.trends;
    const key = this.order;
    const turn = this.upwards ? -1 : 1;
    const { name } = this.tree;
    const moves = (row) => swing(this.trendOf(row));
    const by = {
      self: (a, b) => b.self - a.self, total: (a, b) => b.total - a.total,
      change: (a, b) => Math.abs(b.change) - Math.abs(a.change),
      trend: (a, b) => moves(b) - moves(a),
      name: (a, b) => (name[a.frame] < name[b.frame] ? 1 : name[a.frame] > name[b.frame] ? -1 : 0),
    }[key];
    this.rows = [...this.all].sort((a, b) => turn * by(a, b) || b.total - a.total);
    this.table.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.at = Math.min(this.at, Math.max(0, this.rows.length - 1));
    this.more.textContent = this.rows.length ? `${grouped(this.rows.length)} functions` : "No function matches.";
    this.drawn = null;
    this.fill();
  }

  // Many scroll events make one picture.
  later() {
    this.request ||= requestAnimationFrame(() => {
      this.request = 0;
      this.fill();
    });
  }

  fill() {
    if (!this.tree) return;
    const { scrollTop, clientHeight } = this.element;
    const { first, end } = rowsInSight(scrollTop, clientHeight, this.rows.length);
    if (this.drawn?.first === first && this.drawn.end === end) return;
    const held = this.body.contains(document.activeElement);
    this.drawn = { first, end };
    const lines = this.rows.slice(first, end).map((row, k) => this.line(row, first + k));
    this.body.replaceChildren(space(first * ROW_PX), ...lines, space((this.rows.length - end) * ROW_PX));
    if (held) this.body.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
  }

  line(row, place) {
    const line = document.createElement("tr");
    line.setAttribute("aria-rowindex", String(place + 2));
    for (const key of ["self", "total"]) {
      const cell = make("td", "kb-number", line);
      make("span", "kb-value", cell).textContent = formatValue(row[key], this.unit);
      make("span", "kb-share", cell).textContent = formatShare(row[key], this.sum);
    }
    if (this.compares) make("td", "kb-number", line).textContent = formatChange(row.change);
    if (this.trends) drawTrend(make("td", "kb-trend", line), this.trendOf(row));
    const { module, qualified } = splitName(this.tree.name[row.frame]);
    const button = make("button", "kb-function", make("td", "kb-name", line));
    button.type = "button";
    button.tabIndex = place === this.at ? 0 : -1;
    button.dataset.place = place;
    make("span", "kb-qualified", button).textContent = plainText(qualified, 200);
    make("span", "kb-module", button).textContent = plainText(module, 200);
    button.title = plainText(formatPlace(this.tree.file[row.frame], this.tree.line[row.frame]), 300);
    button.addEventListener("click", () => this.choose(row));
    return line;
  }

  // One row is reached by the tab key, the others by the arrows.
  step(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_PX) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !event.target.dataset.place) return;
    this.at = Math.max(0, Math.min(this.rows.length - 1, Number(event.target.dataset.place) + steps[event.key]));
    const top = this.at * ROW_PX;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop || top > scrollTop + clientHeight - 3 * ROW_PX) this.element.scrollTop = Math.max(0, top - 2 * ROW_PX);
    this.drawn = null;
    this.fill();
    event.preventDefault();
    event.stopPropagation();
  }
}

function space(height) {
  const line = document.createElement("tr");
  line.className = "kb-space";
  line.setAttribute("aria-hidden", "true");
  make("td", "", line).style.height = `${height}px`;
  line.hidden = height <= 0;
  return line;
}

const swing = (trend) => (trend?.length ? Math.max(...trend) - Math.min(...trend) : -1);

function drawTrend(cell, trend) {
  if (!trend || trend.length < 2) {
    cell.textContent = "–";
    return;
  }
  const highest = Math.max(...trend, 1e-9);
  const { width, height } = TREND;
  const picture = makeDrawing("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" }, cell);
  const points = trend.map((share, k) => `${((k * width) / (trend.length - 1)).toFixed(1)},${(height - 1 - (share / highest) * (height - 2)).toFixed(1)}`);
  makeDrawing("polyline", { points: points.join(" ") }, picture);
  const ends = [trend[0], trend.at(-1), highest].map((share) => formatShare(share, 1));
  picture.setAttribute("aria-label", `from ${ends[0]} to ${ends[1]}, at most ${ends[2]}`);
  cell.title = picture.getAttribute("aria-label");
}

function makeDrawing(tag, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, text);
  parent.append(element);
  return element;
}

/** A new element with a class, appended to `parent`. */
export function make(tag, className, parent) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent?.append(element);
  return element;
}
