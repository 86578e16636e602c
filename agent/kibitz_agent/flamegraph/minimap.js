// The whole picture, small, above the part that is shown; a click or a drag in it moves that part.

import { visibleBoxes } from "./boxes.js";
import { make } from "./table.js";

const HEIGHT_PX = 40;
const STEP = 0.1;

/** A minimap in `container` for `graph`; `moveTo(fraction)` is asked to centre the view there. */
export class Minimap {
  constructor(container, moveTo) {
    this.element = container;
    this.canvas = make("canvas", "kb-mini-picture", container);
    this.window = make("div", "kb-mini-window", container);
    this.moveTo = moveTo;
    container.addEventListener("pointerdown", (event) => {
      container.setPointerCapture(event.pointerId);
      this.point(event);
    });
    container.addEventListener("pointermove", (event) => container.hasPointerCapture(event.pointerId) && this.point(event));
    container.addEventListener("keydown", (event) => this.step(event));
  }

  point(event) {
    const { left, width } = this.element.getBoundingClientRect();
    this.moveTo((event.clientX - left) / width);
  }

  step(event) {
    const by = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (!by) return;
    this.moveTo(Math.max(0, Math.min(1, this.middle + by * this.wide)));
    event.preventDefault();
    event.stopPropagation();
  }

  /** Draws a layout: as many rows of pixels as there are levels, or a choice of them where they are more. */
  draw(layout, pixelOf, ground) {
    const width = Math.max(1, this.element.clientWidth);
    const [rows, levels] = [Math.min(HEIGHT_PX, layout.levels), layout.levels];
    this.canvas.width = width;
    this.canvas.height = HEIGHT_PX;
    if (!(layout.sum > 0) || rows === 0) return;
    const image = new ImageData(width, HEIGHT_PX);
    const pixels = new Uint32Array(image.data.buffer).fill(ground);
    const high = Math.floor(HEIGHT_PX / rows);
    for (let row = 0; row < rows; row++) {
      const level = Math.floor((row * levels) / rows);
      const boxes = visibleBoxes(layout, { start: 0, end: layout.sum }, width, level, level + 1);
      for (let k = 0; k < boxes.length; k++) {
        const pixel = pixelOf(boxes, k);
        for (let y = row * high; y < (row + 1) * high; y++) pixels.fill(pixel, y * width + boxes.left[k], y * width + boxes.right[k]);
      }
    }
    this.canvas.getContext("2d").putImageData(image, 0, 0);
  }

  /** Marks the part of the whole that the view shows. */
  mark({ start, end }, sum) {
    const whole = sum > 0 ? sum : 1;
    [this.middle, this.wide] = [(start + end) / 2 / whole, (end - start) / whole];
    const width = this.element.clientWidth;
    this.window.style.transform = `translateX(${((start / whole) * width).toFixed(2)}px)`;
    this.window.style.width = `${Math.max(3, this.wide * width).toFixed(2)}px`;
    this.element.setAttribute("aria-valuenow", String(Math.round(100 * this.middle)));
    this.element.setAttribute("aria-valuetext", `${Math.round(100 * this.wide)} % of the whole shown`);
  }
}
