// Draws boxes on a canvas: one row of pixels per level, stretched to its height, then labels over it.

import { SPECIAL, colourIndex } from "./colour.js";
import { changeStep, formatChange } from "./compare.js";
import { plainText, splitName } from "./format.js";
import { Origins } from "./origins.js";

export const ROW_HEIGHT = 20;
const TEXT_MARGIN = 5;
const LEAST_TEXT = 26;
const SHORT_BOX = 24; // up to here a loop is faster than fill()
const FONT = "Menlo, Consolas, monospace"; // each name that is missing costs the first picture a look-up

/**
 * Paints one frame at a time. A level costs one row of pixels (`putImageData`, stretched without smoothing), so a
 * picture costs width x levels and not one rectangle per function; only labels are drawn one by one.
 */
export class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.strip = document.createElement("canvas");
    this.stripContext = this.strip.getContext("2d", { alpha: false });
    this.ratio = 0;
    this.origins = new Origins();
    this.resize(1, 1, 1);
  }

  /** Size in CSS pixels and device pixels per CSS pixel. */
  resize(width, height, ratio) {
    const [across, down] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (across === this.canvas.width && down === this.canvas.height && ratio === this.ratio) return;
    this.canvas.width = across;
    this.canvas.height = down;
    this.canvas.style.width = `${across / ratio}px`;
    this.canvas.style.height = `${down / ratio}px`;
    this.ratio = ratio;
    this.row = Math.round(ROW_HEIGHT * ratio);
    const rows = Math.ceil(down / this.row) + 2;
    this.strip.width = across;
    this.strip.height = rows;
    this.image = new ImageData(across, rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.context.font = `${12 * ratio}px ${FONT}`;
    this.letter = this.context.measureText("M".repeat(40)).width / 40;
  }

  /** Whether the picture has the size of `stage` already. */
  fits({ clientWidth, clientHeight }) {
    const { canvas, ratio } = this;
    return Math.round(clientWidth * ratio) === canvas.width && Math.round(clientHeight * ratio) === canvas.height;
  }

  /** A level's height in CSS pixels: whole device pixels, so that rows stay sharp at any zoom. */
  get rowHeight() {
    return this.row / this.ratio;
  }

  /** Takes the frames' origins, which their colours depend on. */
  setOrigins(origins) {
    this.origins = origins;
    this.colour?.fill(0);
  }

  /** The colour index of a box that nothing else is known of. */
  plainColour({ layout }, boxes, k) {
    if (boxes.narrow[k]) return SPECIAL.merged;
    const frame = this.tree.frame[layout.node[boxes.slot[k]]];
    return this.colour[frame] || this.frameColour(frame);
  }

  /** The tree to draw next; colours and labels are worked out again only for other frames. */
  setTree(tree) {
    this.tree = tree;
    if (this.names === tree.name) return;
    this.names = tree.name;
    this.colour = new Uint16Array(tree.name.length); // 0: not worked out yet
    this.root = tree.count ? tree.frame[0] : -1;
    this.labels = new Map();
  }

  /**
   * `scene`: boxes, layout, colours (of a theme), matched (a byte per frame or null), top (CSS pixels scrolled),
   * firstLevel, levels (how many are shown), view, outlines.
   */
  draw(scene) {
    const { context, row } = this;
    const { width, height } = this.canvas;
    context.fillStyle = scene.colours.hex(SPECIAL.gap);
    context.fillRect(0, 0, width, height);
    const y0 = scene.firstLevel * row - Math.round(scene.top * this.ratio);
    this.drawBoxes(scene, y0);
    this.drawLabels(scene, y0);
    for (const outline of scene.outlines) this.drawOutline(scene, y0, outline);
  }

  drawBoxes(scene, y0) {
    const { boxes, layout, colours, firstLevel, changes } = scene;
    const width = this.canvas.width;
    const levels = Math.min(scene.levels, this.strip.height);
    const gap = colours.pixel(SPECIAL.gap);
    this.pixels.fill(gap, 0, width * levels);
    for (let k = 0; k < boxes.length; k++) {
      const level = boxes.level[k] - firstLevel;
      if (level >= levels) break;
      const left = level * width + boxes.left[k];
      const right = level * width + boxes.right[k];
      if (boxes.narrow[k]) this.stipple(left, right, this.runMatches(scene, k), colours);
      else if (changes && changes(layout.node[boxes.slot[k]]).gone) this.hatch(left, right, colours);
      else this.box(colours.pixel(this.boxColour(scene, k)), left, right - (right - left > 3 ? 1 : 0));
    }
    if (levels < 1) return;
    this.stripContext.putImageData(this.image, 0, 0, 0, 0, width, levels);
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(this.strip, 0, 0, width, levels, 0, y0, width, levels * this.row);
    this.context.fillStyle = colours.hex(SPECIAL.gap);
    const line = Math.max(1, Math.round(this.ratio));
    for (let level = 1; level <= levels; level++) {
      this.context.fillRect(0, y0 + level * this.row - line, width, line);
    }
  }

  box(pixel, left, right) {
    if (right - left > SHORT_BOX) this.pixels.fill(pixel, left, right);
    else for (let at = left; at < right; at++) this.pixels[at] = pixel;
  }

  // A frame that is only in the profile compared with.
  hatch(left, right, colours) {
    for (let at = left; at < right - 1; at++) this.pixels[at] = colours.pixel((at - left) % 8 < 5 ? SPECIAL.same - 2 : SPECIAL.same);
  }

  stipple(left, right, matches, colours) {
    if (matches) {
      this.pixels.fill(colours.pixel(SPECIAL.mergedMatch), left, right);
      return;
    }
    const [one, other] = [colours.pixel(SPECIAL.merged), colours.pixel(SPECIAL.mergedAlternate)];
    for (let at = left; at < right; at++) this.pixels[at] = (at - left) % 4 < 2 ? one : other;
  }

  runMatches({ boxes, layout, matched }, k) {
    if (!matched) return false;
    for (let slot = boxes.slot[k]; slot < boxes.slot[k] + boxes.count[k]; slot++) {
      if (matched[this.tree.frame[layout.node[slot]]]) return true;
    }
    return false;
  }

  boxColour({ boxes, layout, matched, changes }, k) {
    const node = layout.node[boxes.slot[k]];
    const frame = this.tree.frame[node];
    if (!matched && changes) return SPECIAL.same + changeStep(changes(node));
    if (!matched) return this.colour[frame] || this.frameColour(frame);
    return matched[frame] ? SPECIAL.match : SPECIAL.faded;
  }

  frameColour(frame) {
    const { name, file } = this.tree;
    const origin = this.origins.of(name[frame], file[frame]);
    return (this.colour[frame] ||= frame === this.root ? SPECIAL.root : colourIndex(name[frame], origin));
  }

  drawLabels(scene, y0) {
    const { boxes, layout, colours, matched, firstLevel } = scene;
    const { context, row, ratio } = this;
    context.textBaseline = "middle";
    context.direction = "ltr";
    context.font = `${12 * ratio}px ${FONT}`;
    for (let k = 0; k < boxes.length; k++) {
      const room = boxes.right[k] - boxes.left[k] - 2 * TEXT_MARGIN * ratio;
      if (boxes.narrow[k] || room < (LEAST_TEXT - 2 * TEXT_MARGIN) * ratio) continue;
      const frame = this.tree.frame[layout.node[boxes.slot[k]]];
      const change = scene.changes ? ` ${changeText(scene.changes(layout.node[boxes.slot[k]]))}` : "";
      const name = this.fit(frame, room - change.length * this.letter);
      const text = name ? name + change : "";
      if (!text) continue;
      const kind = !matched ? "normal" : matched[frame] ? "match" : "faded";
      context.fillStyle = colours.text[kind];
      const y = y0 + (boxes.level[k] - firstLevel) * row + row / 2;
      context.fillText(text, boxes.left[k] + TEXT_MARGIN * ratio, y);
    }
  }

  /** As much of a frame's name as `room` device pixels hold: all of it, else without module, else cut with "…". */
  fit(frame, room) {
    let label = this.labels.get(frame);
    if (!label) {
      const full = plainText(this.tree.name[frame].slice(0, 400));
      label = { full, short: splitName(full).qualified, ascii: /^[\x20-\x7e]*$/.test(full) };
      this.labels.set(frame, label);
    }
    const measure = (text) => (label.ascii ? text.length * this.letter : this.context.measureText(text).width);
    if (measure(label.full) <= room) return label.full;
    if (measure(label.short) <= room) return label.short;
    const letters = label.ascii ? label.short : Array.from(label.short);
    let [low, high] = [0, Math.min(letters.length, Math.floor(room / this.letter) + 1)];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const head = label.ascii ? letters.slice(0, middle) : letters.slice(0, middle).join("");
      if (measure(`${head}…`) <= room) low = middle;
      else high = middle - 1;
    }
    if (low < 2) return "";
    return `${label.ascii ? letters.slice(0, low) : letters.slice(0, low).join("")}…`;
  }

  drawOutline({ layout, view, firstLevel }, y0, { slot, level, colour, thick }) {
    const { context, row, ratio } = this;
    const scale = this.canvas.width / (view.end - view.start);
    const left = Math.max(-4, Math.round((layout.x[slot] - view.start) * scale));
    const end = (layout.x[slot] + layout.total[slot] - view.start) * scale;
    const right = Math.min(this.canvas.width + 4, Math.max(left + 3 * ratio, Math.round(end) - 1));
    context.strokeStyle = colour;
    context.lineWidth = thick * ratio;
    const inset = context.lineWidth / 2;
    const y = y0 + (level - firstLevel) * row;
    context.strokeRect(left + inset, y + inset, right - left - 2 * inset, row - 1 - 2 * inset);
  }
}

function changeText(changed) {
  return changed.gone ? `${formatChange(changed.change)} (gone)` : formatChange(changed.change);
}
