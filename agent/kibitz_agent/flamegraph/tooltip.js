// What is told of one box: beside the pointer, and in a sentence for the status line.

import { amountIn, samplesIn, wholeOf } from "./amounts.js";
import { formatChange } from "./compare.js";
import { formatPlace, formatShare, formatValue, grouped, plainText } from "./format.js";
import { levelOf } from "./model.js";
import { make } from "./table.js";

/** Tells of `box` (none: null) beside the pointer; `other`: it is not the one that was told of before. */
export function showTooltip(graph, box, event, other) {
  const { tooltip } = graph.parts;
  tooltip.hidden = !box;
  if (box) {
    if (other || !tooltip.childElementCount) fillTooltip(graph, box);
    placeTooltip(graph, event);
  } else tooltip.replaceChildren();
}

function fillTooltip(graph, box) {
  const { tree, parts: { tooltip } } = graph;
  tooltip.replaceChildren();
  const name = make("p", "kb-tip-name", tooltip);
  const frame = tree.frame[box.node];
  if (box.narrow && box.count > 1) {
    name.textContent = `${grouped(box.count)} narrow frames side by side`;
    make("p", "kb-tip-place", tooltip).textContent = "Click to zoom to them";
  } else {
    name.textContent = plainText(tree.name[frame], 500);
    const place = formatPlace(tree.file[frame], tree.line[frame]);
    if (place) make("p", "kb-tip-place", tooltip).textContent = plainText(place, 300);
  }
  const list = make("dl", "kb-tip-values", tooltip);
  if (graph.changes) tellChange(graph, list, box);
  else tellAmounts(graph, list, box);
}

// Beside the pointer, inside the window.
function placeTooltip({ parts: { tooltip } }, event) {
  const { width, height } = tooltip.getBoundingClientRect();
  const left = Math.min(event.clientX + 14, innerWidth - width - 8);
  const below = event.clientY + 18;
  const top = below + height > innerHeight - 8 ? event.clientY - height - 12 : below;
  tooltip.style.transform = `translate(${Math.max(8, left)}px, ${Math.max(8, top)}px)`;
}

function tell(list, label, amount, share) {
  make("dt", "", list).textContent = label;
  make("dd", "kb-tip-amount", list).textContent = amount;
  make("dd", "kb-tip-share", list).textContent = share;
}

function tellAmounts(graph, list, box) {
  const { layout } = graph;
  const { self, total } = amounts(layout, layout.self, box);
  const view = layout.total[layout.slot[graph.focus]];
  for (const [label, amount] of [["Total", total], ["Self", self]]) {
    const shares = graph.focus > 0 ? `${formatShare(amount, view)} of view, ` : "";
    tell(list, label, formatValue(amount, graph.unit), `${shares}${formatShare(amount, graph.whole)} of all`);
  }
  const samples = samplesIn(graph, box);
  if (samples !== null) tell(list, "Samples", grouped(samples), "");
  const cost = costOf(graph, box);
  if (cost) tell(list, "Cost", cost, "a year");
}

/** What the CPU time of a box costs in a year, as text; "" where the payload does not say what all of it costs. */
export function costOf(graph, box) {
  const { amount, currency = "$" } = graph.payload.yearly_cost ?? {};
  const whole = wholeOf(graph, "cpu");
  return amount > 0 && whole > 0 ? money((amount * amountIn(graph, box, "cpu")) / whole, currency) : "";
}

function money(amount, currency) {
  if (amount > 0 && amount < 0.01) return `< ${currency}0.01`;
  return currency + (amount < 100 ? amount.toFixed(2) : grouped(amount));
}

function tellChange(graph, list, { node }) {
  const { whole } = graph.tree.values[graph.layout.which];
  const changed = graph.changes(node);
  for (const [label, side] of [["Now", "after"], ["Before", "before"]]) {
    tell(list, label, formatValue(changed[side], graph.unit), `${formatShare(changed[side], whole[side])} of all`);
  }
  const kind = changed.gone ? "gone" : changed.fresh ? "new" : "";
  tell(list, "Change", formatChange(changed.change), [kind, changed.sure ? "" : "may be chance"].filter(Boolean).join(", "));
}

function amounts(layout, spent, { slot, count, narrow }) {
  let [self, total] = [0, 0];
  for (let at = slot; at < slot + (narrow ? count : 1); at++) {
    self += spent[layout.node[at]];
    total += layout.total[at];
  }
  return { self, total };
}

/** One frame in a sentence. */
export function sentence(graph, node) {
  const { tree, layout, unit } = graph;
  const frame = tree.frame[node];
  const name = plainText(tree.name[frame], 300);
  const changed = graph.changes?.(node);
  if (changed) {
    const { whole } = tree.values[layout.which];
    return [
      name,
      `now ${formatValue(changed.after, unit)} (${formatShare(changed.after, whole.after)})`,
      `before ${formatValue(changed.before, unit)} (${formatShare(changed.before, whole.before)})`,
      `change ${formatChange(changed.change)}${changed.sure ? "" : ", may be chance"}`,
    ].join(" · ");
  }
  const slot = layout.slot[node];
  const total = layout.total[slot];
  return [
    name,
    `total ${formatValue(total, unit)} (${formatShare(total, graph.whole)})`,
    `self ${formatValue(layout.self[node], unit)}`,
    `level ${levelOf(layout, slot)}`,
    plainText(formatPlace(tree.file[frame], tree.line[frame]), 200),
  ].filter(Boolean).join(" · ");
}
