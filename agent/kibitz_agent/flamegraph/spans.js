// Spans of the whole, {start, end} in the value's unit: what a view shows, and what it becomes when it is moved.

import { slotAt } from "./model.js";

const LEAST_SPAN = 1e-9;
const GLIDE_MS = 180;

/** The span moved sideways by a fraction of its width, within the whole, 0 to `sum`. */
export function panned({ start, end }, sum, fraction) {
  const by = Math.max(-start, Math.min(sum - end, fraction * (end - start)));
  return { start: start + by, end: end + by };
}

/** The span with its middle at a fraction of the whole, or as near as the ends of the whole let it be. */
export function centred({ start, end }, sum, fraction) {
  const wide = end - start;
  const from = Math.max(0, Math.min(sum - wide, fraction * sum - wide / 2));
  return { start: from, end: from + wide };
}

/** The span widened (factor > 1) or narrowed around a point of it, 0 (left) to 1 (right). */
export function scaled({ start, end }, sum, factor, around) {
  const fixed = start + around * (end - start);
  const wide = Math.max(sum * LEAST_SPAN, (end - start) * factor);
  const from = Math.max(0, fixed - around * wide);
  return { start: from, end: Math.min(sum, from + wide) };
}

/** Where a glide ({from, since}, times in ms) to a span has come: the span, and the glide, null at its end. */
export function glided(glide, target, now) {
  const part = Math.min(1, Math.max(0, (now - glide.since) / GLIDE_MS));
  if (part === 1) return [target, null];
  const eased = 1 - (1 - part) ** 3; // fast first, then slower
  const mixed = (a, b) => a + (b - a) * eased;
  return [{ start: mixed(glide.from.start, target.start), end: mixed(glide.from.end, target.end) }, glide];
}

/** The innermost frame of a layout that fills the whole span. */
export function nodeFilling(layout, { start, end }) {
  const slack = (end - start) * 1e-6;
  let found = 0;
  for (let level = layout.rootLevel + 1; level < layout.levels; level++) {
    const slot = slotAt(layout, level, start + slack);
    if (slot < 0 || layout.x[slot] + layout.total[slot] < end - slack) break;
    found = layout.node[slot];
  }
  return found;
}
