// What the view shows of a graph: its boxes, found by place, listed, and handed to the painter and the minimap.

import { visibleBoxes } from "./boxes.js";
import { SPECIAL } from "./colour.js";
import { levelOf } from "./model.js";

/** The box under a point of the canvas (CSS pixels): `{slot, node, level, count, narrow}` or null. */
export function boxAt(graph, px, py) {
  const { painter, layout, view, parts: { stage } } = graph;
  const level = Math.floor((py + stage.scrollTop) / painter.rowHeight);
  const boxes = boxesOf(graph, view, level, level + 1);
  const at = px * painter.ratio;
  let k = 0;
  while (k < boxes.length && !(at >= boxes.left[k] && at < boxes.right[k])) k++;
  return k === boxes.length || !(layout.sum > 0) ? null : boxOf(layout, boxes, k);
}

/** What the view shows when it has come to rest, top to bottom, left to right, in CSS pixels of the canvas. */
export function framesShown(graph) {
  const { tree, layout, target, painter: { ratio, rowHeight } } = graph;
  const { top, first, levels } = rowsOf(graph);
  const boxes = boxesOf(graph, target, first, first + levels);
  return Array.from({ length: boxes.length }, (_, k) => {
    const box = boxOf(layout, boxes, k);
    return {
      ...box,
      name: tree.name[tree.frame[box.node]],
      x: boxes.left[k] / ratio,
      y: box.level * rowHeight - top,
      width: (boxes.right[k] - boxes.left[k]) / ratio,
      height: rowHeight,
    };
  });
}

/** Paints what the view shows. */
export function drawScene(graph) {
  const { painter, layout, colours, matched, view, changes, parts: { stage, sizer } } = graph;
  painter.resize(stage.clientWidth, stage.clientHeight, Math.min(3, devicePixelRatio || 1));
  sizer.style.height = `${layout.levels * painter.rowHeight}px`;
  const { top, first, levels } = rowsOf(graph);
  const shown = layout.sum > 0 ? levels : 0;
  painter.draw({
    boxes: boxesOf(graph, view, first, first + shown), layout, colours, matched, top, firstLevel: first, levels: shown, view,
    outlines: outlines(graph), changes,
  });
}

/** Marks the view in the minimap, and draws that anew where the picture is another. */
export function drawMap(graph) {
  const { layout, colours, minimap, view, painter } = graph;
  minimap.mark(view, layout.sum);
  // Beneath the picture's own first drawing: the map can wait for the next frame.
  if (!graph.drawn || (graph.mapDrawn === layout && minimap.canvas.width === minimap.element.clientWidth)) return;
  graph.mapDrawn = layout;
  minimap.draw(layout, (boxes, k) => colours.pixel(painter.plainColour({ layout }, boxes, k)), colours.pixel(SPECIAL.gap));
}

function boxesOf({ layout, parts: { canvas } }, view, from, to) {
  return visibleBoxes(layout, view, canvas.width, from, to);
}

function boxOf(layout, boxes, k) {
  const slot = boxes.slot[k];
  return { slot, node: layout.node[slot], level: boxes.level[k], count: boxes.count[k], narrow: boxes.narrow[k] === 1 };
}

// The levels that can be seen, and how far down the picture is scrolled.
function rowsOf({ layout, painter: { rowHeight }, parts: { stage } }) {
  const top = stage.scrollTop;
  const first = Math.floor(top / rowHeight);
  const last = Math.min(layout.levels, Math.ceil((top + stage.clientHeight) / rowHeight));
  return { top, first, levels: Math.max(0, last - first) };
}

function outlines({ layout, colours, hovered, selected }) {
  const outline = (node, colour, thick) => {
    const slot = layout.slot[node];
    return slot < 0 ? [] : [{ slot, level: levelOf(layout, slot), colour, thick }];
  };
  const ink = colours.text.normal;
  const pointed = hovered && !hovered.narrow ? outline(hovered.node, ink, 1) : [];
  return [...pointed, ...(selected >= 0 ? outline(selected, ink, 2) : [])];
}
