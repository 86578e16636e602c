// Finding frames by text: names are matched, not nodes, so a search costs the number of functions.

/**
 * A test for one search: plain text ignores case, `/pattern/` is a regular expression (`i` unless flags are given).
 * Returns `{ test, error }`; `test` is null for an empty search or a pattern that does not parse (`error` says why).
 * `test.lowered` is set where the text given to it may be in lower case already.
 */
export function compileSearch(text) {
  if (!text) return { test: null, error: "" };
  const parts = /^\/(.+)\/([imsu]*)$/s.exec(text);
  if (!parts) {
    const wanted = text.toLowerCase();
    return { test: Object.assign((subject) => subject.toLowerCase().includes(wanted), { lowered: wanted }), error: "" };
  }
  try {
    const pattern = new RegExp(parts[1], parts[2] || "i");
    return { test: (subject) => pattern.test(subject), error: "" };
  } catch (error) {
    return { test: null, error: String(error.message) };
  }
}

// Names and files in lower case, made once for all trees that share them.
const lowerCase = new WeakMap();

function lowered(texts) {
  let found = lowerCase.get(texts);
  if (!found) lowerCase.set(texts, (found = texts.map((text) => text.toLowerCase())));
  return found;
}

/** Prepares a tree for searches to come. */
export function prepareSearch({ name, file }) {
  lowered(name);
  lowered(file);
}

/** One byte per frame: 1 where its name or its file matches; null when there is nothing to search for. */
export function matchFrames(tree, test) {
  if (!test) return null;
  const matched = new Uint8Array(tree.name.length);
  const wanted = test.lowered;
  const [names, files] = wanted ? [lowered(tree.name), lowered(tree.file)] : [tree.name, tree.file];
  const fits = wanted ? (text) => text.includes(wanted) : test;
  for (let k = 0; k < matched.length; k++) {
    matched[k] = fits(names[k]) || (files[k] && fits(files[k])) ? 1 : 0;
  }
  return matched;
}

/**
 * The nodes of matching frames: how many (`count`), and how much of the whole lies in or under one of them (`covered`,
 * nested matches count once). `nodes`, left to right and outermost first, is worked out when it is asked for.
 */
export function matchNodes(layout, matched) {
  if (!matched) return { count: 0, covered: 0, nodes: [] };
  const { tree: { count: size, parent, frame }, slot, total } = layout;
  const under = new Uint8Array(size);
  let count = 0;
  let covered = 0;
  for (let node = 1; node < size; node++) {
    const above = under[parent[node]];
    const hit = matched[frame[node]];
    under[node] = above | hit;
    if (hit === 0 || slot[node] < 0) continue;
    count++;
    if (above === 0) covered += total[slot[node]];
  }
  let nodes = null;
  return { count, covered, get nodes() { return (nodes ??= inOrder(layout, matched)); } };
}

function inOrder({ tree, slot, x }, matched) {
  const nodes = [];
  for (let node = 1; node < tree.count; node++) if (matched[tree.frame[node]] && slot[node] >= 0) nodes.push(node);
  return nodes.sort((a, b) => x[slot[a]] - x[slot[b]] || slot[a] - slot[b]);
}
