// The elements around the canvas: title, tools, path, stage, status line, table.

import { make } from "./table.js";

/** Builds the graph's elements in `container` and returns them by name. Text goes in through textContent alone. */
export function buildShell(container) {
  const root = make("div", "kb-flame", container);
  const head = make("header", "kb-head", root);
  const titles = make("div", "kb-titles", head);
  const title = make("h1", "kb-title", titles);
  const subtitle = make("p", "kb-subtitle", titles);
  const tools = make("div", "kb-tools", head);
  const values = make("div", "kb-values", tools);
  values.setAttribute("role", "group");
  values.setAttribute("aria-label", "What widths show");
  const views = buildViews(tools);
  const finder = buildFinder(tools);
  const chips = make("div", "kb-chips", root);
  chips.setAttribute("role", "group");
  chips.setAttribute("aria-label", "Hidden frames");
  chips.hidden = true;
  const path = make("nav", "kb-path", root);
  path.setAttribute("aria-label", "Zoomed to");
  const main = make("div", "kb-main", root);
  const picture = make("div", "kb-picture", main);
  const minimap = buildMinimap(picture);
  const stage = make("div", "kb-stage", picture);
  const sizer = make("div", "kb-sizer", stage);
  const canvas = buildCanvas(sizer);
  const empty = make("p", "kb-empty", picture);
  const status = make("p", "kb-status", picture);
  status.setAttribute("role", "status");
  status.setAttribute("aria-live", "polite");
  const legend = make("div", "kb-legend", picture);
  legend.setAttribute("role", "group");
  legend.setAttribute("aria-label", "Whose code it is");
  const help = make("p", "kb-help", picture);
  buildHelp(help);
  const table = make("section", "kb-functions", main);
  table.setAttribute("aria-label", "Functions");
  const notes = make("ul", "kb-notes", root);
  const tooltip = make("div", "kb-tooltip", root);
  tooltip.setAttribute("aria-hidden", "true");
  tooltip.hidden = true;
  return { root, title, subtitle, values, views, chips, help, ...finder, path, stage, minimap, legend, sizer, canvas, empty, status, table, notes, tooltip };
}

function buildFinder(tools) {
  const finder = make("div", "kb-finder", tools);
  finder.setAttribute("role", "search");
  const input = make("input", "kb-search", finder);
  input.type = "search";
  input.placeholder = "Search functions or /regex/";
  input.setAttribute("aria-label", "Search functions and files; /pattern/ is a regular expression");
  input.setAttribute("aria-keyshortcuts", "/");
  input.autocomplete = "off";
  input.spellcheck = false;
  const found = make("output", "kb-found", finder);
  const previous = makeButton(finder, "‹", "Previous match (N)");
  const next = makeButton(finder, "›", "Next match (n)");
  const reset = makeButton(tools, "Reset zoom", "Show everything (Esc)");
  const saves = make("div", "kb-values kb-saves", tools);
  saves.setAttribute("role", "group");
  saves.setAttribute("aria-label", "Save the picture");
  for (const kind of ["svg", "png"]) makeButton(saves, kind.toUpperCase(), `Save the picture as ${kind.toUpperCase()}`).dataset.save = kind;
  return { input, found, previous, next, reset, saves };
}

function buildMinimap(picture) {
  const minimap = make("div", "kb-mini", picture);
  minimap.tabIndex = 0;
  minimap.setAttribute("role", "slider");
  minimap.setAttribute("aria-label", "Middle of the part shown, of the whole");
  minimap.setAttribute("aria-valuemin", "0");
  minimap.setAttribute("aria-valuemax", "100");
  minimap.setAttribute("aria-valuenow", "50");
  return minimap;
}

const VIEW_TITLES = {
  overview: "Who calls what, from the top (1)",
  hotspots: "What takes time itself, its callers below (2)",
  inspect: "One function: callers above, callees below (3)",
};

function buildViews(tools) {
  const views = make("div", "kb-values kb-views", tools);
  views.setAttribute("role", "group");
  views.setAttribute("aria-label", "View");
  for (const [name, title] of Object.entries(VIEW_TITLES)) {
    const button = make("button", "kb-button", views);
    button.type = "button";
    button.dataset.view = name;
    button.textContent = name[0].toUpperCase() + name.slice(1);
    button.title = title;
  }
  return views;
}

function makeButton(parent, text, label) {
  const button = make("button", "kb-button", parent);
  button.type = "button";
  button.textContent = text;
  button.title = label;
  if (text.length === 1) button.setAttribute("aria-label", label);
  return button;
}

function buildCanvas(sizer) {
  const canvas = make("canvas", "kb-canvas", sizer);
  canvas.tabIndex = 0;
  canvas.setAttribute("aria-roledescription", "flame graph");
  return canvas;
}

const KEYS = [
  ["← ↑ ↓ →", "move"], ["Enter", "zoom"], ["Esc", "reset"], ["/", "search"], ["n N", "next, previous match"],
  ["1 2 3", "views"], ["h", "hide"], ["f", "only the search's stacks"], ["o", "open the source"], ["c", "copy the stack"], ["d", "compare"], ["?", "this help"],
  ["Ctrl+wheel", "zoom at the pointer"], ["right button", "menu"],
];

function buildHelp(help) {
  for (const [keys, does] of KEYS) {
    const pair = make("span", "kb-key", help);
    make("kbd", "", pair).textContent = keys;
    pair.append(` ${does}`);
  }
}
