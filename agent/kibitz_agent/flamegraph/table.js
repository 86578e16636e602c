// The functions as a table: the picture's full text equivalent, filtered by the same search.

import { formatChange } from "./compare.js";
import { formatPlace, formatShare, formatValue, grouped, plainText, splitName } from "./format.js";

const SHOWN = 200;

/** A table of functions with self and total in `container`; calls `choose(row)` when one is picked. */
export class FunctionTable {
  constructor(container, choose) {
    this.choose = choose;
    this.order = "self";
    this.rows = [];
    this.element = container;
    const table = make("table", "kb-table", container);
    make("caption", "kb-sr", table).textContent = "Functions by time spent";
    const head = make("tr", "", make("thead", "", table));
    this.headers = { self: this.addHeader(head, "Self", "self"), total: this.addHeader(head, "Total", "total"), change: this.addHeader(head, "Change", "change") };
    this.headers.change.hidden = true;
    const name = make("th", "kb-name", head);
    name.scope = "col";
    name.textContent = "Function";
    this.body = make("tbody", "", table);
    this.more = make("p", "kb-more", container);
    this.markOrder();
  }

  addHeader(head, text, key) {
    const cell = make("th", "kb-number", head);
    cell.scope = "col";
    const button = make("button", "kb-sort", cell);
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => {
      this.order = key;
      this.markOrder();
      this.fill();
    });
    return cell;
  }

  markOrder() {
    for (const [key, cell] of Object.entries(this.headers)) {
      cell.setAttribute("aria-sort", key === this.order ? "descending" : "none");
    }
  }

  /** `rows` as `functionsOf` gives them; `matched` a byte per frame or null. */
  show(tree, rows, { unit, sum, matched, compares = false }) {
    this.compares = compares;
    this.headers.change.hidden = !compares;
    if (!compares && this.order === "change") this.order = "self";
    this.markOrder();
    this.tree = tree;
    this.rows = matched ? rows.filter((row) => matched[row.frame]) : rows;
    this.unit = unit;
    this.sum = sum;
    this.fill();
  }

  fill() {
    const key = this.order;
    const rows = [...this.rows].sort((a, b) => Math.abs(b[key]) - Math.abs(a[key]) || b.total - a.total).slice(0, SHOWN);
    this.body.replaceChildren(...rows.map((row) => this.line(row)));
    const left = this.rows.length - rows.length;
    this.more.textContent = left > 0 ? `and ${grouped(left)} more: search to narrow them down` : "";
    if (!rows.length) this.more.textContent = "No function matches.";
  }

  line(row) {
    const line = document.createElement("tr");
    for (const key of ["self", "total"]) {
      const cell = make("td", "kb-number", line);
      make("span", "kb-value", cell).textContent = formatValue(row[key], this.unit);
      make("span", "kb-share", cell).textContent = formatShare(row[key], this.sum);
    }
    if (this.compares) make("td", "kb-number", line).textContent = formatChange(row.change);
    const { module, qualified } = splitName(this.tree.name[row.frame]);
    const button = make("button", "kb-function", make("td", "kb-name", line));
    button.type = "button";
    make("span", "kb-qualified", button).textContent = plainText(qualified, 200);
    make("span", "kb-module", button).textContent = plainText(module, 200);
    button.title = plainText(formatPlace(this.tree.file[row.frame], this.tree.line[row.frame]), 300);
    button.addEventListener("click", () => this.choose(row));
    return line;
  }
}

/** A new element with a class, appended to `parent`. */
export function make(tag, className, parent) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent?.append(element);
  return element;
}
