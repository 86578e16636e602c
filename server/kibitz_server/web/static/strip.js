// Samples over time above the graph: drag chooses the range, shift-drag the range to compare with.

import uPlot from "./vendor/uplot/uPlot.esm.js";

const HEIGHT_PX = 96;
const LEAST_DRAG_PX = 5;

const count = (marks, what) => `${marks?.length ?? 0} ${what}${marks?.length === 1 ? "" : "s"}`;

// As everywhere on the pages: UTC, and the day where one begins. The first says so.
function clock(time, k) {
  const text = new Date(time * 1000).toISOString();
  const told = text.slice(11, 16) === "00:00" ? text.slice(5, 10) : text.slice(11, 16);
  return k === 0 ? `${told} UTC` : told;
}

// The first and the last bucket reach over the ends of the range: without a report in them they say nothing.
function inside(samples) {
  return samples.map((count, k) => (count === 0 && (k === 0 || k === samples.length - 1) ? null : count));
}

// Findings as bands behind the line, deploys as dashed lines across it.
function drawMarks(plot, { deploys = [], findings = [], step }, colour) {
  const { ctx, bbox } = plot;
  const at = (time) => Math.max(bbox.left, Math.min(bbox.left + bbox.width, plot.valToPos(time, "x", true)));
  ctx.save();
  ctx.globalAlpha = 0.22;
  ctx.fillStyle = colour("--alarm");
  for (const { start, end } of findings) ctx.fillRect(at(start), bbox.top, Math.max(2, at(end) - at(start)), bbox.height);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colour("--ink");
  ctx.setLineDash([4, 4]);
  for (const { at: time } of deploys) {
    ctx.beginPath();
    ctx.moveTo(at(time + step / 2), bbox.top);
    ctx.lineTo(at(time + step / 2), bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** The strip in `container`; calls `choose({from, to}, isBaseline)` with epoch seconds after a drag. */
export class MetricStrip {
  constructor(container, choose) {
    this.container = container;
    this.choose = choose;
    this.shift = false;
    container.addEventListener("mousedown", (event) => (this.shift = event.shiftKey), true);
    this.resizing = new ResizeObserver(() => this.plot?.setSize({ width: container.clientWidth, height: HEIGHT_PX }));
    this.resizing.observe(container);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.last && this.show(this.last));
  }

  /** `series` as the collector answers it. */
  show(series) {
    this.last = series;
    this.plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
    this.plot = new uPlot(
      {
        width: this.container.clientWidth,
        height: HEIGHT_PX,
        padding: [8, 24, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: true, y: false, setScale: false, dist: LEAST_DRAG_PX } },
        scales: { y: { range: (_, low, high) => [0, Math.max(1, high)] } },
        tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
        axes: [{ ...axis, size: 30, space: 70, values: (_, splits) => splits.map(clock) }, { ...axis, size: 64, space: 18 }],
        series: [{}, { stroke: colour("--link"), fill: `${colour("--link")}33`, width: 1.5, points: { show: false } }],
        hooks: { setSelect: [(plot) => this.dragged(plot)], draw: [(plot) => drawMarks(plot, series, colour)] },
      },
      [series.starts, inside(series.samples)],
      this.container,
    );
    const all = series.samples.reduce((sum, count) => sum + count, 0);
    this.container.setAttribute("role", "img");
    this.container.setAttribute(
      "aria-label",
      `${all.toLocaleString("en-US")} samples over time. Drag chooses the range, shift and drag the range to compare with; ` +
        `the lists above do the same by keyboard. ${count(series.deploys, "deploy")}, ${count(series.findings, "finding")}.`,
    );
  }

  dragged(plot) {
    if (plot.select.width < LEAST_DRAG_PX) return;
    const from = Math.floor(plot.posToVal(plot.select.left, "x"));
    const to = Math.ceil(plot.posToVal(plot.select.left + plot.select.width, "x"));
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.choose({ from, to: Math.max(from + 1, to) }, this.shift);
  }
}
