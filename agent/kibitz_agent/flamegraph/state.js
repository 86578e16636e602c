// What a graph shows, as short texts that an address can hold, and back.

const WHOLE = 1e-6;

/** A node's way from the root as one short text, the same for the same frames in another payload; "" for the root. */
export function nodeMark(tree, node) {
  if (!(node > 0)) return "";
  const way = [];
  for (let at = node; at > 0; at = tree.parent[at]) way.push(tree.frame[at]);
  let state = 1;
  for (const frame of way.reverse()) state = mix(state, nameHash(tree.name[frame]));
  return `${way.length}.${(state >>> 0).toString(36)}`;
}

/** The node that has a mark, or 0. */
export function markedNode(tree, mark) {
  const parts = /^(\d{1,5})\.([0-9a-z]{1,7})$/.exec(mark ?? "");
  if (!parts) return 0;
  const [levels, wanted] = [Number(parts[1]), parseInt(parts[2], 36)];
  const hashes = tree.name.map(nameHash);
  const [states, depths] = [new Int32Array(tree.count), new Int32Array(tree.count)];
  states[0] = 1;
  for (let node = 1; node < tree.count; node++) {
    const above = tree.parent[node];
    depths[node] = depths[above] + 1;
    states[node] = mix(states[above], hashes[tree.frame[node]]);
    if (depths[node] === levels && states[node] >>> 0 === wanted) return node;
  }
  return 0;
}

const mix = (state, hash) => Math.imul(state ^ hash, 0x01000193) ^ (state >>> 15);

function nameHash(name) {
  let state = 0x811c9dc5;
  for (let k = 0; k < name.length; k++) state = Math.imul(state ^ name.charCodeAt(k), 0x01000193);
  return state ^ (state >>> 13);
}

/** A view as fractions of the whole, "0.25-0.5"; "" where it shows exactly what is zoomed to. */
export function viewMark(view, exact, sum) {
  const near = (a, b) => Math.abs(a - b) <= sum * WHOLE;
  if (!(sum > 0) || (near(view.start, exact.start) && near(view.end, exact.end))) return "";
  return [view.start, view.end].map((value) => String(Number((value / sum).toPrecision(7)))).join("-");
}

/** The view that a mark stands for, or null. */
export function markedView(mark, sum) {
  const parts = /^(\d(?:\.\d{1,12})?(?:e-\d)?)-(\d(?:\.\d{1,12})?(?:e-\d)?)$/.exec(mark ?? "");
  if (!parts) return null;
  const [start, end] = [Number(parts[1]) * sum, Number(parts[2]) * sum];
  return end > start && start >= 0 && end <= sum * (1 + WHOLE) ? { start, end: Math.min(end, sum) } : null;
}

/** All that is to be kept in an address: texts, and lists of texts; what is as at the beginning is "" or empty. */
export function stateOf(graph) {
  const { layout, tree, target, table, shape } = graph;
  const slot = layout.slot[graph.focus];
  const exact = { start: layout.x[slot], end: layout.x[slot] + layout.total[slot] };
  const kinds = (kind) => [...graph.origins.known].filter(([, origin]) => origin === kind).map(([part]) => part);
  return {
    value: graph.value,
    search: graph.searchText,
    view: shape.view === "overview" ? "" : shape.view,
    inspect: shape.inspect,
    only: shape.only,
    hide: [...graph.hidden],
    focus: nodeMark(tree, graph.focus),
    selected: nodeMark(tree, graph.selected),
    at: viewMark(target, exact, layout.sum),
    sort: table.order === "self" && !table.upwards ? "" : `${table.upwards ? "" : "-"}${table.order}`,
    own: kinds("own"),
    library: kinds("library"),
  };
}

/** The options of a graph that are in an address (URLSearchParams), as `stateOf` names them. */
export function optionsFrom(page) {
  const text = (name) => page.get(name) ?? "";
  const kinds = (kind) => page.getAll(kind).filter(Boolean).map((part) => [part, kind]);
  return {
    value: page.get("value") ?? undefined,
    search: text("search"), view: text("view") || "overview", inspect: text("inspect"), only: text("only"),
    hidden: page.getAll("hide"), focus: text("focus"), selected: text("selected"), at: text("at"),
    sort: text("sort"), origins: [...kinds("own"), ...kinds("library")],
  };
}
