// Going to a frame: selecting it, zooming far enough in or out, scrolling to its level.

import { levelOf, pathTo } from "./model.js";

const TINY_PX = 24;

/** Selects a node and makes sure it can be seen: scrolled to, and zoomed to when tiny or outside the view. */
export function reveal(graph, node) {
  const { layout, target, parts: { stage } } = graph;
  const slot = layout.slot[node];
  if (slot < 0) return;
  graph.select(node);
  const [from, to] = [layout.x[slot], layout.x[slot] + layout.total[slot]];
  const width = ((to - from) / (target.end - target.start)) * stage.clientWidth;
  if (width < TINY_PX || to <= target.start || from >= target.end) {
    graph.zoom(ancestorShowing(graph, node), { keepSelection: true });
  }
  scrollTo(graph, node);
}

// The outermost ancestor to zoom to that makes `node` at least TINY_PX wide; the node itself when none does.
function ancestorShowing({ layout, tree, parts: { stage } }, node) {
  const enough = (layout.total[layout.slot[node]] * stage.clientWidth) / (TINY_PX * 2);
  return pathTo(tree, node).find((at) => layout.total[layout.slot[at]] <= enough) ?? node;
}

/** Zooms to a box's frame, or to the span of a run of narrow ones. */
export function openBox(graph, box) {
  graph.hover(null);
  if (!box.narrow) {
    graph.select(box.node);
    graph.zoom(box.node, { keepSelection: true });
    return;
  }
  const { x, total } = graph.layout;
  const last = box.slot + box.count - 1;
  graph.setView({ start: x[box.slot], end: x[last] + total[last] }, true);
}

/** Goes to the function of a row of the table, as the view shows functions. */
export function openRow(graph, row) {
  const { shape, source, layout, tree } = graph;
  const name = source.name[row.frame];
  if (shape.view === "inspect") graph.show("inspect", name);
  else if (shape.view === "overview") reveal(graph, row.widest);
  else {
    const below = layout.children.list.subarray(0, layout.children.first[1]);
    const node = below.find((child) => tree.frame[child] === row.frame);
    if (node !== undefined) reveal(graph, node);
    else graph.search(name);
  }
}

/** Scrolls so that a node's level can be seen. */
export function scrollTo({ layout, painter, parts: { stage } }, node) {
  const row = painter.rowHeight;
  const y = levelOf(layout, layout.slot[node]) * row;
  const low = stage.scrollTop + stage.clientHeight - 2 * row;
  if (y < stage.scrollTop || y > low) stage.scrollTop = Math.max(0, y - Math.min(3 * row, stage.clientHeight / 3));
}
