// How much a box holds of values that are not the one shown.

import { layOut } from "./model.js";

/** Samples of a box, where they are not what is shown anyway; null where nobody counted them. */
export function samplesIn(graph, box) {
  const counted = graph.tree.values.some(({ name }) => name === "samples");
  return graph.value === "samples" || !counted ? null : amountIn(graph, box, "samples");
}

/** How much of the value called `name` a box holds, whichever value is shown; 0 where nobody measured it. */
export function amountIn(graph, { slot, count, narrow }, name) {
  const { tree, layout } = graph;
  const which = tree.values.findIndex((value) => value.name === name);
  if (which < 0) return 0;
  const other = layoutOf(graph, which);
  let all = 0;
  for (let at = slot; at < slot + (narrow ? count : 1); at++) all += other.total[other.slot[layout.node[at]]] || 0;
  return all;
}

// The tree's layout by another value, made when someone first asks for it.
function layoutOf(graph, which) {
  const { tree, layout } = graph;
  if (which === layout.which) return layout;
  if (graph.others?.tree !== tree) graph.others = { tree, layouts: new Map() };
  const { layouts } = graph.others;
  if (!layouts.has(which)) layouts.set(which, layOut(tree, which));
  return layouts.get(which);
}

/** All there is of the value called `name`, hidden and filtered frames included; 0 where nobody measured it. */
export function wholeOf({ source }, name) {
  const value = source.values.find((one) => one.name === name);
  return value ? sumOver(value) : 0;
}

/** The sum of a value over all nodes. */
export function sumOver({ self }) {
  return self.reduce((sum, own) => sum + Math.max(0, own), 0);
}
