// Where a frame's source line can be opened: on the forge at the profile's revision, and in an editor.

const SCHEMES = /^(https?|vscode|vscode-insiders|vscodium|idea|pycharm|jetbrains|txmt|subl|mvim|emacs|zed):/;
const REVISION = /\b[0-9a-f]{7,40}\b/;

/**
 * The address that `template` makes of a file, a line and a revision: `{path}` is the file below `root`, `{file}` the
 * whole file, `{line}`, and `{revision}` ("HEAD" where it is not known). "" when the file lies elsewhere or the template
 * is no address that a page may open.
 */
export function sourceAddress(template, { file, line, revision = "", root = "" }) {
  if (!template || !file || !SCHEMES.test(template)) return "";
  if (template.includes("{path}") && root && !file.startsWith(root)) return "";
  const known = REVISION.exec(revision)?.[0] ?? "HEAD";
  const path = file.slice(root && file.startsWith(root) ? root.length : 0).replace(/^\/+/, "");
  const parts = { path, file: file.replace(/^\/+/, ""), line: String(Math.max(1, line)), revision: known };
  const encode = (text) => text.split("/").map(encodeURIComponent).join("/");
  return template.replace(/\{(path|file|line|revision)\}/g, (_, name) => encode(parts[name]));
}
