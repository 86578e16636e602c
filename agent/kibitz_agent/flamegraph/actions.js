// What can be done with the selected frame and with the picture: menu, stack, source, file.

import { plainText } from "./format.js";
import { openMenu } from "./menu.js";
import { pathTo } from "./model.js";
import { packageOf } from "./origins.js";
import { download, pngBlob, svgText } from "./picture.js";
import { sourceAddress } from "./source.js";

/** The selected frame's stack as text, outermost first, a frame a line. */
export function stackText(graph) {
  const nodes = pathTo(graph.tree, Math.max(0, graph.selected)).slice(graph.tree.up ? 0 : 1);
  const names = nodes.map((node) => plainText(graph.tree.name[graph.tree.frame[node]]));
  const turned = graph.shape.view === "hotspots" || graph.tree.up?.[graph.selected];
  return (turned ? names.reverse() : names).join("\n");
}

/** Copies the selected frame's stack, or says why it cannot. */
export function copyStack(graph) {
  const told = (text) => (graph.parts.status.textContent = text);
  if (!navigator.clipboard) told("This page may not write to the clipboard: it was not loaded over HTTPS.");
  else navigator.clipboard.writeText(stackText(graph)).then(() => told("The stack was copied."), (error) => told(String(error)));
}

/** Opens the menu of the selected frame at a point of the window, or beside the frame. */
export function frameMenu(graph, point) {
  const name = graph.selectedName();
  if (!name) return;
  const { canvas, root } = graph.parts;
  const corner = canvas.getBoundingClientRect();
  openMenu(root, point ?? { x: corner.left + 40, y: corner.top + 40 }, [
    ["Zoom", () => graph.zoom(graph.selected)],
    ["Inspect: callers and callees", () => graph.show("inspect", name)],
    ["Hide it and what it calls", () => graph.hide(name)],
    ["Search for it", () => graph.search(name)],
    ["Copy the stack", () => copyStack(graph)],
    ...sourceItems(graph),
    ...originItems(graph, name),
  ], canvas);
}

function sourceItems(graph) {
  return ["forge", "editor"].flatMap((where) => {
    const address = sourceOf(graph, where);
    const label = where === "forge" ? "Open the source at this revision" : "Open the source in the editor";
    return address ? [[label, () => open(address, "_blank", "noopener")]] : [];
  });
}

function originItems(graph, name) {
  const part = packageOf(name);
  const frame = graph.tree.frame[Math.max(0, graph.selected)];
  const now = graph.origins.of(graph.tree.name[frame], graph.tree.file[frame]);
  const shown = plainText(part, 40);
  return [
    ...(now === "own" ? [] : [[`Count ${shown} as my code`, () => graph.setOrigin(part, "own")]]),
    ...(now === "library" ? [] : [[`Count ${shown} as a library`, () => graph.setOrigin(part, "library")]]),
  ];
}

/** Where the selected frame's source can be opened: on the "forge" or in the "editor"; "" where nobody said how. */
function sourceOf(graph, where) {
  const { tree, selected, payload, options: { source = {} } } = graph;
  if (selected < 0) return "";
  const frame = tree.frame[selected];
  const place = { file: tree.file[frame], line: tree.line[frame], revision: payload.revision, root: source.root };
  return sourceAddress(source[where] ?? "", place);
}

/** Opens the selected frame's source, on the forge if that is known. */
export function openSource(graph) {
  const address = sourceOf(graph, "forge") || sourceOf(graph, "editor");
  if (address) open(address, "_blank", "noopener");
  else graph.parts.status.textContent = "No address for this source is set: the group's settings say where it is.";
}

/** Saves what is shown, all levels of it, as "svg" or "png". */
export async function savePicture(graph, kind) {
  const name = `${(graph.payload.title || "flamegraph").replace(/[^\w.-]+/g, "_").slice(0, 80)}.${kind}`;
  const blob = kind === "svg" ? new Blob([svgText(graph)], { type: "image/svg+xml" }) : await pngBlob(graph);
  download(blob, name);
}
