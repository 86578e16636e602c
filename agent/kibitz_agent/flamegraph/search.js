// Finding frames by text: names are matched, not nodes, so a search costs the number of functions.

/**
 * A test for one search: plain text ignores case, `/pattern/` is a regular expression (`i` unless flags are given).
 * Returns `{ test, error }`; `test` is null for an empty search or a pattern that does not parse (`error` says why).
 */
export function compileSearch(text) {
  if (!text) return { test: null, error: "" };
  const parts = /^\/(.+)\/([imsu]*)$/s.exec(text);
  if (!parts) {
    const wanted = text.toLowerCase();
    return { test: (subject) => subject.toLowerCase().includes(wanted), error: "" };
  }
  try {
    const pattern = new RegExp(parts[1], parts[2] || "i");
    return { test: (subject) => pattern.test(subject), error: "" };
  } catch (error) {
    return { test: null, error: String(error.message) };
  }
}

/** One byte per frame: 1 where its name or its file matches; null when there is nothing to search for. */
export function matchFrames(tree, test) {
  return test ? Uint8Array.from(tree.name, (name, k) => (test(name) || test(tree.file[k]) ? 1 : 0)) : null;
}

/**
 * The nodes of matching frames, left to right and outermost first, and `covered`: how much of the whole lies in or
 * under one of them (nested matches count once).
 */
export function matchNodes(layout, matched) {
  if (!matched) return { nodes: [], covered: 0 };
  const { tree, slot, total, x } = layout;
  const under = new Uint8Array(tree.count);
  const nodes = [];
  let covered = 0;
  for (let node = 1; node < tree.count; node++) {
    const above = under[tree.parent[node]];
    const hit = matched[tree.frame[node]];
    under[node] = above | hit;
    if (!hit || slot[node] < 0) continue;
    nodes.push(node);
    if (!above) covered += total[slot[node]];
  }
  nodes.sort((a, b) => x[slot[a]] - x[slot[b]] || slot[a] - slot[b]);
  return { nodes, covered };
}
