// What stands around the picture and changes with it: title, values, path, chips, legend, matches.

import { formatShare, formatValue, grouped, plainText } from "./format.js";
import { pathTo } from "./model.js";
import { ORIGINS, sharesByOrigin } from "./origins.js";
import { make } from "./table.js";

const PATH_SHOWN = 5;

/** Shows which view it is, and what is hidden, kept alone or counted otherwise: each with a button that undoes it. */
export function showChips(graph) {
  const { chips, views } = graph.parts;
  for (const button of views.children) button.setAttribute("aria-pressed", String(button.dataset.view === graph.shape.view));
  chips.replaceChildren();
  const told = { own: "my code", library: "a library" };
  const { only } = graph.shape;
  const all = [
    ...[...graph.hidden].map((name) => [plainText(name, 80), `Show ${plainText(name, 200)} again`, () => graph.unhide(name)]),
    ...(only ? [[`only ${plainText(only, 80)}`, "Show all stacks again", () => graph.keepOnly("")]] : []),
    ...[...graph.origins.known].map(([part, origin]) => [
      `${plainText(part, 60)} is ${told[origin]}`, `Forget whose code ${plainText(part, 60)} is`, () => graph.setOrigin(part, ""),
    ]),
  ];
  chips.hidden = all.length === 0;
  for (const [text, label, act] of all) {
    const chip = make("button", "kb-chip", chips);
    chip.type = "button";
    chip.textContent = `${text} ×`;
    chip.setAttribute("aria-label", label);
    chip.addEventListener("click", act);
  }
}

/** Shows whose code the time is spent in, by the colours of the picture. */
export function showLegend(graph) {
  const { legend } = graph.parts;
  legend.replaceChildren();
  if (!graph.functions) return;
  const shares = sharesByOrigin(graph.base, graph.functions, graph.origins);
  for (const [origin, title] of Object.entries(ORIGINS)) {
    if (!(shares[origin] > 0)) continue;
    const item = make("span", `kb-origin kb-${origin}`, legend);
    item.textContent = `${title} ${formatShare(shares[origin], 1)}`;
  }
}

/** Shows the title, the notes and the values there are. */
export function describe(graph) {
  const { title, subtitle, notes, values } = graph.parts;
  title.textContent = plainText(graph.payload.title || "Flame graph", 200);
  subtitle.textContent = plainText(graph.payload.subtitle || "", 500);
  notes.replaceChildren();
  for (const note of graph.payload.notes ?? []) make("li", "", notes).textContent = plainText(note, 500);
  values.replaceChildren();
  for (const { name } of graph.tree.values) {
    const button = make("button", "kb-button", values);
    button.type = "button";
    button.textContent = plainText(name, 40);
    button.dataset.value = name;
    button.addEventListener("click", () => graph.setValue(name));
  }
  values.hidden = graph.tree.values.length < 2;
}

/** Shows which value it is that widths show, and how much there is of it. */
export function showValue(graph) {
  const { value, layout, unit, parts: { canvas, values, empty } } = graph;
  for (const button of values.children) button.setAttribute("aria-pressed", String(button.dataset.value === value));
  canvas.setAttribute(
    "aria-label",
    `Flame graph of ${value}, ${formatValue(layout.sum, unit)} in all. Arrow keys move between frames, Enter zooms, ` +
      "Escape shows everything. The table of functions holds the same figures as text.",
  );
  empty.hidden = layout.sum > 0;
  empty.textContent = `No ${value} was recorded here. Choose another value or a longer period.`;
}

/** Shows how many matches there are, and which of them is selected. */
export function showMatches(graph) {
  const { found, next, previous, input } = graph.parts;
  const some = graph.matchCount > 0;
  next.disabled = previous.disabled = !some;
  input.setAttribute("aria-invalid", String(Boolean(graph.searchError)));
  if (graph.searchError) found.textContent = graph.searchError;
  else if (!graph.matched) found.textContent = "";
  else if (!some) found.textContent = "no match";
  else {
    const at = graph.matchAt < 0 ? "" : `${graph.matchAt + 1} of `;
    const count = `${at}${grouped(graph.matchCount)} ${graph.matchCount === 1 ? "match" : "matches"}`;
    found.textContent = `${count}, ${formatShare(graph.matches.covered, graph.layout.sum)}`;
  }
  graph.redraw();
}

/** Shows the way to what is zoomed to. */
export function showPath(graph) {
  const { path, reset } = graph.parts;
  const whole = graph.target.end - graph.target.start >= graph.layout.sum;
  reset.disabled = graph.focus === 0 && whole;
  if (graph.pathShown === graph.focus && graph.pathLayout === graph.layout) return;
  [graph.pathShown, graph.pathLayout] = [graph.focus, graph.layout];
  const nodes = pathTo(graph.tree, graph.focus);
  const shown = nodes.length > PATH_SHOWN + 1 ? [nodes[0], -1, ...nodes.slice(-PATH_SHOWN)] : nodes;
  path.replaceChildren();
  for (const node of shown) {
    if (node < 0) {
      make("span", "kb-gap", path).textContent = `${nodes.length - PATH_SHOWN - 1} frames`;
      continue;
    }
    const step = make("button", "kb-step", path);
    step.type = "button";
    step.textContent = node === 0 && !graph.tree.up ? "all" : plainText(graph.tree.name[graph.tree.frame[node]], 80);
    if (node === graph.focus) step.setAttribute("aria-current", "location");
    step.addEventListener("click", () => graph.zoom(node));
  }
}
