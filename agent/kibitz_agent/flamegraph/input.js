// Pointer and keyboard: turns events into calls on the graph.

import { copyStack, frameMenu, openSource, savePicture } from "./actions.js";

const DRAG_PX = 4;

/** Listens on the graph's elements; returns a function that stops listening. */
export function listen(graph) {
  const stop = new AbortController();
  const on = (target, type, handler, options = {}) =>
    target.addEventListener(type, handler, { ...options, signal: stop.signal });
  const { canvas, stage, input, previous, next, reset } = graph.parts;
  listenToPointer(graph, on);
  on(canvas, "keydown", (event) => moveByKey(graph, event));
  on(canvas, "focus", () => graph.select(graph.selected < 0 ? graph.focus : graph.selected));
  on(stage, "scroll", () => {
    graph.hover(null);
    graph.redraw();
  });
  on(input, "input", () => {
    graph.hover(null);
    graph.search(input.value);
  });
  on(input, "keydown", (event) => {
    if (event.key === "Enter") graph.step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      graph.search("");
      canvas.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  on(previous, "click", () => graph.step(-1));
  on(next, "click", () => graph.step(1));
  on(graph.parts.views, "click", (event) => {
    const button = event.target.closest("[data-view]");
    if (button) graph.show(button.dataset.view);
  });
  on(canvas, "contextmenu", (event) => {
    event.preventDefault();
    const box = event.button === 2 ? graph.boxAt(event.offsetX, event.offsetY) : null;
    if (box && !box.narrow) graph.select(box.node);
    graph.hover(null);
    frameMenu(graph, event.button === 2 ? { x: event.clientX, y: event.clientY } : null);
  });
  on(graph.parts.saves, "click", (event) => {
    const button = event.target.closest("[data-save]");
    if (button) savePicture(graph, button.dataset.save);
  });
  on(reset, "click", () => graph.reset());
  on(document, "keydown", (event) => shortcut(graph, event));
  return () => stop.abort();
}

function listenToPointer(graph, on) {
  const { canvas } = graph.parts;
  let drag = null;
  on(canvas, "pointerdown", (event) => {
    if (event.button === 0) drag = { x: event.offsetX, moved: false };
  });
  on(canvas, "pointermove", (event) => {
    if (drag && (drag.moved || Math.abs(event.offsetX - drag.x) > DRAG_PX)) {
      drag.moved = true;
      if (!canvas.hasPointerCapture(event.pointerId)) canvas.setPointerCapture(event.pointerId);
      graph.pan((drag.x - event.offsetX) / canvas.clientWidth);
      drag.x = event.offsetX;
      graph.hover(null);
    } else graph.hover(graph.boxAt(event.offsetX, event.offsetY), event);
  });
  on(canvas, "pointerup", (event) => {
    const click = drag && !drag.moved;
    drag = null;
    if (click) graph.open(graph.boxAt(event.offsetX, event.offsetY));
  });
  on(canvas, "pointercancel", () => (drag = null));
  on(canvas, "pointerleave", () => graph.hover(null));
  on(canvas, "wheel", (event) => {
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey) graph.scale(Math.exp(event.deltaY / 300), event.offsetX / canvas.clientWidth);
    else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) graph.pan(sideways / canvas.clientWidth);
    else return;
    event.preventDefault();
  }, { passive: false });
}

const MOVES = { ArrowUp: "parent", ArrowDown: "child", ArrowLeft: "left", ArrowRight: "right", Home: "root" };

function moveByKey(graph, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (MOVES[event.key]) graph.move(MOVES[event.key]);
  else if (event.key === "Enter" || event.key === " ") graph.zoom(graph.selected < 0 ? 0 : graph.selected);
  else return;
  event.preventDefault();
}

const VIEW_KEYS = { 1: "overview", 2: "hotspots", 3: "inspect" };

function shortcut(graph, event) {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (event.key === "/") {
    graph.parts.input.focus();
    graph.parts.input.select();
  } else if (VIEW_KEYS[event.key]) graph.show(VIEW_KEYS[event.key]);
  else if (event.key === "?") graph.parts.help.hidden = !graph.parts.help.hidden;
  else if (event.key === "d" && graph.options.onCompare) graph.options.onCompare(graph);
  else if (event.key === "h") graph.hide(graph.selectedName());
  else if (event.key === "c") copyStack(graph);
  else if (event.key === "f") graph.keepOnly(graph.shape.only ? "" : graph.searchText);
  else if (event.key === "o") openSource(graph);
  else if (event.key === "n") graph.step(1);
  else if (event.key === "N") graph.step(-1);
  else if (event.key === "Escape") graph.reset();
  else return;
  event.preventDefault();
}
