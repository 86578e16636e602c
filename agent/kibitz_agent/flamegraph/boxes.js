// Which boxes a view shows: pure arithmetic from a layout to whole pixels.

import { lastAtOrBelow } from "./model.js";

/**
 * The boxes of levels `from .. to - 1` over the value range `view.start .. view.end` on `width` pixels.
 *
 * Returns columns, `length` entries of each in use, one a box: `slot` (the first one), `count` (slots in it), `narrow` (1: a run of neighbours
 * below a pixel each, to be drawn as a marked box), `level`, `left`, `right` (pixels, right exclusive, clipped).
 * Boxes of a level neither overlap nor leave out anything of value: a sliver beside a wide box, for which rounding
 * leaves no pixel, is counted to that box. Costs width x levels x log(nodes) at most, however many nodes there are.
 */
export function visibleBoxes(layout, view, width, from, to) {
  const boxes = new Boxes();
  for (let level = Math.max(0, from); level < Math.min(to, layout.levels); level++) {
    addLevel(boxes, layout, view, width, level);
  }
  return boxes;
}

// Columns of whole numbers that grow together; `length` entries of each are used.
class Boxes {
  constructor() {
    this.length = 0;
    this.grow(2048);
  }

  grow(room) {
    for (const name of ["slot", "count", "narrow", "level", "left", "right"]) {
      const wider = new Int32Array(room);
      if (this.length) wider.set(this[name]);
      this[name] = wider;
    }
  }

  add(slot, count, narrow, level, left, right) {
    if (this.length === this.slot.length) this.grow(2 * this.length);
    const k = this.length++;
    this.slot[k] = slot;
    this.count[k] = count;
    this.narrow[k] = narrow;
    this.level[k] = level;
    this.left[k] = left;
    this.right[k] = right;
  }
}

function addLevel(boxes, layout, view, width, level) {
  const { x, total, start } = layout;
  const scale = width / (view.end - view.start);
  const end = start[level + 1];
  const pixel = (value) => Math.round((value - view.start) * scale);
  let slot = Math.max(start[level], lastAtOrBelow(x, start[level], end, view.start));
  if (slot < end && x[slot] + total[slot] <= view.start) slot++;
  let edge = 0;
  while (slot < end && x[slot] < view.end) {
    const first = slot;
    const narrow = total[first] * scale < 1;
    slot = narrow ? endOfRun(layout, slot + 1, end, view, scale) : slot + 1;
    const left = Math.max(edge, Math.min(width - 1, pixel(x[first])));
    const right = Math.min(width, Math.max(pixel(x[slot - 1] + total[slot - 1]), pixel(x[first]) + 1));
    if (right > left) {
      boxes.add(first, slot - first, narrow ? 1 : 0, level, left, right);
      edge = right;
    } else if (edge > 0) boxes.count[boxes.length - 1] += slot - first;
  }
}

// Where a run of neighbours narrower than a pixel ends. Of the slots that begin in one pixel column only the last can
// be wide, so a bisection per column suffices.
function endOfRun({ x, total }, slot, end, view, scale) {
  while (slot < end && x[slot] < view.end) {
    const gap = x[slot] - x[slot - 1] - total[slot - 1];
    if (gap * scale >= 1) return slot;
    const column = Math.floor((x[slot] - view.start) * scale) + 1;
    const last = Math.max(slot, lastAtOrBelow(x, slot, end, view.start + column / scale));
    if (total[last] * scale >= 1) return last;
    slot = last + 1;
  }
  return slot;
}
