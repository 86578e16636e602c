// The picture as a file: SVG, which stays sharp and holds every name as text, or PNG.

import { visibleBoxes } from "./boxes.js";
import { changeStep } from "./compare.js";
import { SPECIAL } from "./colour.js";
import { formatShare, formatValue, plainText, splitName } from "./format.js";
import { Painter, ROW_HEIGHT } from "./painter.js";

const WIDTH = 1600;
const HEAD = 48;
const LETTER = 7.3;
const MOST_PNG_PX = 16_000;

/** The view of `graph` with all its levels, as the text of an SVG file. */
export function svgText(graph) {
  const { layout, view, colours, tree } = graph;
  const boxes = visibleBoxes(layout, layout.sum > 0 ? view : { start: 0, end: 1 }, WIDTH, 0, layout.sum > 0 ? layout.levels : 0);
  const height = HEAD + layout.levels * ROW_HEIGHT + 8;
  const ink = colours.text.normal;
  const title = graph.payload.title || "Flame graph";
  const size = { width: WIDTH, height };
  const parts = [
    element("title", {}, escaped(title)),
    element("rect", { ...size, fill: colours.hex(SPECIAL.gap) }),
    element("text", { x: 8, y: 20, "font-size": 16, fill: ink }, escaped(title)),
    element("text", { x: 8, y: 38, fill: ink }, escaped(`${graph.value} · ${graph.payload.subtitle ?? ""}`)),
  ];
  for (let k = 0; k < boxes.length; k++) parts.push(boxText(graph, tree, boxes, k));
  const font = { "font-family": "Menlo, Consolas, monospace", "font-size": 12 };
  const named = { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${WIDTH} ${height}`, ...size, ...font };
  return `${element("svg", named, `\n${parts.join("\n")}\n`)}\n`;
}

// An element as text; attributes are ours, `content` is escaped by the caller. No closing tag stands in this file as it is
// written: it would end the script that holds it in a page of its own.
function element(name, attributes, content = "") {
  const told = Object.entries(attributes).map(([key, value]) => ` ${key}="${value}"`).join("");
  return content ? `<${name}${told}>${content}<${"/"}${name}>` : `<${name}${told}/>`;
}

function boxText(graph, tree, boxes, k) {
  const { layout, colours } = graph;
  const node = layout.node[boxes.slot[k]];
  const [x, width] = [boxes.left[k], boxes.right[k] - boxes.left[k]];
  const y = HEAD + boxes.level[k] * ROW_HEIGHT;
  const name = boxes.narrow[k] && boxes.count[k] > 1 ? `${boxes.count[k]} narrow frames` : tree.name[tree.frame[node]];
  const told = `${name}: ${formatValue(layout.total[boxes.slot[k]], graph.unit)} (${formatShare(layout.total[boxes.slot[k]], layout.sum)})`;
  const label = boxes.narrow[k] ? "" : fit(name, (width - 8) / LETTER);
  const text = label ? element("text", { x: x + 4, y: y + 14, fill: textColour(graph, node) }, escaped(label)) : "";
  const size = { width: Math.max(1, width - (width > 3 ? 1 : 0)), height: ROW_HEIGHT - 1 };
  const box = element("rect", { x, y, ...size, fill: colours.hex(boxColour(graph, boxes, k)) });
  return element("g", {}, element("title", {}, escaped(told)) + box + text);
}

function boxColour({ matched, changes, painter, layout, tree }, boxes, k) {
  if (boxes.narrow[k]) return SPECIAL.merged;
  const node = layout.node[boxes.slot[k]];
  const frame = tree.frame[node];
  if (matched) return matched[frame] ? SPECIAL.match : SPECIAL.faded;
  return changes ? SPECIAL.same + changeStep(changes(node)) : painter.frameColour(frame);
}

function textColour({ matched, colours, tree }, node) {
  return !matched ? colours.text.normal : matched[tree.frame[node]] ? colours.text.match : colours.text.faded;
}

function fit(name, letters) {
  const full = plainText(name, 400);
  const short = plainText(splitName(name).qualified, 400);
  if (full.length <= letters) return full;
  if (short.length <= letters) return short;
  return letters < 3 ? "" : `${Array.from(short).slice(0, Math.floor(letters) - 1).join("")}…`;
}

// Names may hold anything: what XML forbids is shown by number, what it reads as markup is written as text.
function escaped(text) {
  const shown = plainText(text, 2000).replace(/[\ufffe\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
  return shown.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** The view of `graph` with all its levels (as many as an image can hold) as a promise of a PNG blob. */
export function pngBlob(graph, ratio = 2) {
  const { layout, view, colours } = graph;
  const canvas = document.createElement("canvas");
  const painter = new Painter(canvas);
  painter.origins = graph.painter.origins;
  const levels = Math.min(layout.levels, Math.floor(MOST_PNG_PX / (ROW_HEIGHT * ratio)));
  painter.setTree(graph.tree);
  painter.resize(WIDTH, Math.max(1, levels) * ROW_HEIGHT, ratio);
  const shown = layout.sum > 0 ? levels : 0;
  const boxes = visibleBoxes(layout, view, canvas.width, 0, shown);
  painter.draw({
    boxes, layout, colours, view, matched: graph.matched, changes: graph.changes, top: 0, firstLevel: 0, levels: shown, outlines: [],
  });
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** Hands a file to the reader of the page. */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
