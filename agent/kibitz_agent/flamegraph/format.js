// Values and names as text a person reads.

const TIME = [[60e9, "min"], [1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
const BYTES = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const SCALES = { nanoseconds: TIME, bytes: BYTES };

/** A whole number with thousands separators; toLocaleString takes 20 ms when it is first called. */
export function grouped(number) {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1_234_000` nanoseconds is "1.23 ms"; counts get thousands separators; an unknown unit is named. */
export function formatValue(value, unit) {
  const scale = SCALES[unit];
  if (!scale) {
    const number = grouped(value);
    return unit === "count" ? number : `${number} ${unit}`;
  }
  if (!value) return `0 ${scale === TIME ? "s" : "B"}`;
  const step = scale.findIndex(([size]) => Math.abs(value) >= (size === 60e9 ? 600e9 : size));
  const [size, suffix] = scale[step < 0 ? scale.length - 1 : step];
  return `${threeDigits(value / size)} ${suffix}`;
}

function threeDigits(number) {
  const size = Math.abs(number);
  if (size >= 1000) return grouped(number);
  return number.toFixed(size >= 100 || Number.isInteger(number) ? 0 : size >= 10 ? 1 : 2);
}

/** A part of a whole in per cent: "12.3 %", "< 0.01 %", "0 %". */
export function formatShare(part, whole) {
  if (!(whole > 0) || !(part > 0)) return "0 %";
  const share = (100 * part) / whole;
  if (share < 0.01) return "< 0.01 %";
  if (share >= 99.995) return "100 %";
  return `${share.toFixed(share >= 10 ? 1 : 2)} %`;
}

// Control characters, line separators, bidirectional marks and unpaired surrogates: they would break a line, turn text
// around or draw nothing, so they are shown by number.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** `text` on one line with nothing invisible in it; past `limit` characters it is cut and says how long it was. */
export function plainText(text, limit = Infinity) {
  const cut = text.length > limit ? text.slice(0, limit) : text;
  const shown = cut.replace(UNSAFE, (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return cut === text ? shown : `${shown}… (${grouped(text.length)} characters)`;
}

/** `shop.pricing:Cart.total` in its two parts; a name without a colon is all function. */
export function splitName(name) {
  const at = name.indexOf(":");
  return at > 0 && !/\s/.test(name.slice(0, at))
    ? { module: name.slice(0, at), qualified: name.slice(at + 1) }
    : { module: "", qualified: name };
}

/** "pricing.py:42" or "", for a frame's file and first line. */
export function formatPlace(file, line) {
  return file ? (line ? `${file}:${line}` : file) : "";
}
