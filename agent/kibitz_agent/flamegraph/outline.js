// What a screen reader finds behind the canvas: a tree of the selected frame, the way to it, its siblings and its callees.

import { formatShare, plainText } from "./format.js";
import { pathTo } from "./model.js";
import { make } from "./table.js";

const SIBLINGS = 12;
const CALLEES = 24;
let graphs = 0;

/** Keeps tree items inside `canvas`, whose `aria-activedescendant` names the selected one. */
export class Outline {
  constructor(canvas) {
    this.canvas = canvas;
    this.prefix = `kb-item-${++graphs}-`;
    canvas.setAttribute("role", "tree");
  }

  /** Tells of the selected `node` of a layout; of the root where nothing is selected (-1). */
  tell(layout, node) {
    const selected = Math.max(0, node);
    const way = pathTo(layout.tree, selected);
    const siblings = selected > 0 ? around(childrenOf(layout, layout.tree.parent[selected]), selected) : [];
    const items = [...way.slice(0, -1), ...(siblings.length ? siblings : [selected])];
    const at = items.indexOf(selected);
    items.splice(at + 1, 0, ...childrenOf(layout, selected).slice(0, CALLEES));
    this.canvas.replaceChildren(...items.map((one) => this.item(layout, one, one === selected, way.includes(one))));
    this.canvas.setAttribute("aria-activedescendant", this.prefix + selected);
  }

  item(layout, node, selected, open) {
    const { tree, total, slot, sum } = layout;
    const item = make("div", "", null);
    const among = node > 0 ? childrenOf(layout, tree.parent[node]) : [node];
    item.id = this.prefix + node;
    item.setAttribute("role", "treeitem");
    item.setAttribute("aria-level", String(pathTo(tree, node).length));
    item.setAttribute("aria-setsize", String(among.length));
    item.setAttribute("aria-posinset", String(among.indexOf(node) + 1));
    item.setAttribute("aria-selected", String(selected));
    if (childrenOf(layout, node).length) item.setAttribute("aria-expanded", String(open));
    const name = node === 0 && !tree.up ? "all" : plainText(tree.name[tree.frame[node]], 200);
    item.textContent = `${name}, ${formatShare(total[slot[node]], sum)}`;
    return item;
  }
}

function childrenOf({ children, slot }, node) {
  return [...children.list.subarray(children.first[node], children.first[node + 1])].filter((child) => slot[child] >= 0);
}

function around(nodes, node) {
  const at = nodes.indexOf(node);
  const from = Math.max(0, Math.min(at - SIBLINGS / 2, nodes.length - SIBLINGS));
  return nodes.slice(from, from + SIBLINGS);
}
