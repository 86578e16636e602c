// The rows of the table: self, total and change of each function of a tree.

import { functionsOf, layOut } from "./model.js";

/**
 * The rows of value `which` of `tree`, as `functionsOf` gives them. Where the value compares two profiles, self and total
 * are the later one's, and `change` is the total's share after less its share before.
 */
export function functionRows(tree, layout, which) {
  const rows = functionsOf(layout.tree === tree ? layout : layOut(tree, which));
  const value = tree.values[which];
  if (!value.before) return rows;
  const [after, before] = [oneSide(tree, which, "after"), oneSide(tree, which, "before")];
  return rows.map(({ frame, widest }) => {
    const [now, then] = [after.get(frame), before.get(frame)];
    const change = (now?.total ?? 0) / (value.whole.after || 1) - (then?.total ?? 0) / (value.whole.before || 1);
    return { frame, widest, self: now?.self ?? 0, total: now?.total ?? 0, change };
  });
}

function oneSide(tree, which, side) {
  const values = tree.values.map((value) => ({ ...value, self: value[side] }));
  return new Map(functionsOf(layOut({ ...tree, values }, which)).map((row) => [row.frame, row]));
}
