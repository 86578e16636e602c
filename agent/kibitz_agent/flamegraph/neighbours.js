// The nodes around a node: where the arrow keys lead, and what stands for one that is not shown.

import { levelOf, widestChild } from "./model.js";

/** The node "parent", "child" (the widest), "left", "right" (of the same level) or "root" of `at`; `at` itself at an edge. */
export function neighbour(layout, at, where) {
  const { tree } = layout;
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
  return moves[where]();
}

/** `node`, or the nearest one above it that a layout shows. */
export function nearest({ slot, tree }, node) {
  let at = node;
  while (at > 0 && slot[at] < 0) at = tree.parent[at];
  return at;
}
