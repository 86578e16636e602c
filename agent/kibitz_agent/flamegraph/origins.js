// Whose code a function is: own, a library's, or Python's own; told from its file, unless someone knows better.

/** The kinds of code there are, with what a reader calls them. */
export const ORIGINS = { own: "My code", library: "Libraries", standard: "Standard library", none: "No file" };

/** Whose code a file is: "own", "library" (site-packages), "standard" (Python's own) or "none" (no file). */
export function originOf(file) {
  if (!file) return "none";
  if (/[\\/](site|dist)-packages[\\/]/.test(file)) return "library";
  if (/[\\/]lib(64)?[\\/]python\d[^\\/]*[\\/]|[\\/]Python\d*[\\/]Lib[\\/]|^<frozen |^~/i.test(file)) return "standard";
  return "own";
}

/** The top-level package of a function's name: "shop" of "shop.stock:reserve". */
export function packageOf(name) {
  const colon = name.indexOf(":");
  const module = colon > 0 ? name.slice(0, colon) : name;
  const dot = module.indexOf(".");
  return dot > 0 ? module.slice(0, dot) : module;
}

/**
 * Origins of functions by name and file. `known` is a map from packages, modules ("shop.stock") or the beginnings of
 * paths ("/srv/shop/") to "own" or "library": what it says goes before what the path says; the longest name wins.
 */
export class Origins {
  constructor(known = new Map()) {
    this.known = new Map(known);
  }

  of(name, file) {
    if (this.known.size === 0) return originOf(file);
    let [found, length] = ["", 0];
    const colon = name.indexOf(":");
    const module = colon > 0 ? name.slice(0, colon) : name;
    for (const [part, origin] of this.known) {
      const fits = part.startsWith("/") ? file.startsWith(part) : module === part || module.startsWith(`${part}.`);
      if (fits && part.length > length) [found, length] = [origin, part.length];
    }
    return found || originOf(file);
  }
}

/** What part of all self values falls to each origin, 0 to 1, by the rows of `functionsOf`. */
export function sharesByOrigin(tree, rows, origins) {
  const shares = Object.fromEntries(Object.keys(ORIGINS).map((origin) => [origin, 0]));
  let all = 0;
  for (const { frame, self } of rows) {
    shares[origins.of(tree.name[frame], tree.file[frame])] += self;
    all += self;
  }
  for (const origin of Object.keys(shares)) shares[origin] /= all || 1;
  return shares;
}
