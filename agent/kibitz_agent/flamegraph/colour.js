// Colours by module: the hue says which, the strength says whose (own code stands out from libraries).

import { packageOf } from "./origins.js";

const HUES = 18;
const SHADES = 3;
const STRENGTHS = { own: 0, library: 1, standard: 2, none: 3 };
const CHROMA = { light: [0.115, 0.06, 0.028, 0.006], dark: [0.105, 0.055, 0.024, 0.006] };
const LIGHTNESS = { light: [0.8, 0.825, 0.85], dark: [0.415, 0.44, 0.465] };

/** Indices after the frames' own colours. */
export const SPECIAL = { match: 0, faded: 1, merged: 2, mergedAlternate: 3, mergedMatch: 4, gap: 5, root: 6, same: 10 };

/** How many steps of less (below `SPECIAL.same`) and more (above it) there are. */
export const CHANGE_STEPS = 3;
const CHANGES = {
  light: ["#7fb3e6", "#a9cdf0", "#d0e4f7", "#e6e6eb", "#fde0c0", "#fbc58a", "#f5a54f"],
  dark: ["#1f5f99", "#274d73", "#2b3d52", "#30323c", "#4d3d2b", "#6b4a22", "#8a5714"],
};
const FIRST_FRAME = SPECIAL.same + CHANGE_STEPS + 1;

const SPECIALS = {
  light: ["#c026d3", "#e7e7ec", "#a9abb8", "#c5c7d1", "#c026d3", "#ffffff", "#d5d7e0"],
  dark: ["#e879f9", "#26272f", "#5a5d6e", "#474a58", "#e879f9", "#15161b", "#3a3c48"],
};
const TEXT = {
  light: { normal: "#16171d", match: "#ffffff", faded: "#5c5f6e" },
  dark: { normal: "#f4f4f8", match: "#1b0820", faded: "#a0a3b3" },
};

/** How many colours a theme has. */
export const COLOURS = FIRST_FRAME + 4 * HUES * SHADES;

/**
 * The colours of one theme ("light", "dark"), by index: `hex(index)` as "#rrggbb", `pixel(index)` as little-endian RGBA,
 * each worked out when it is first asked for; `text` per kind.
 */
export function themeColours(theme) {
  const fixed = [...SPECIALS[theme], ...CHANGES[theme]];
  const pixels = new Uint32Array(COLOURS); // 0: not asked for yet; an opaque pixel is never 0
  const hex = (index) => fixed[index] ?? frameColour(theme, index - FIRST_FRAME);
  return { hex, pixel: (index) => pixels[index] || (pixels[index] = toPixel(hex(index))), text: TEXT[theme] };
}

function frameColour(theme, index) {
  const [shade, hue, strength] = [index % SHADES, Math.floor(index / SHADES) % HUES, Math.floor(index / SHADES / HUES)];
  return oklch(LIGHTNESS[theme][shade], CHROMA[theme][strength], (hue * 360) / HUES + 12);
}

/** The colour index of a function: hue by its top-level package, shade by its name, strength by its origin. */
export function colourIndex(name, origin) {
  const hue = hash(packageOf(name)) % HUES;
  const shade = hash(name.slice(0, 200)) % SHADES;
  return FIRST_FRAME + (STRENGTHS[origin] * HUES + hue) * SHADES + shade;
}

function hash(text) {
  let state = 2166136261;
  for (let k = 0; k < text.length; k++) state = Math.imul(state ^ text.charCodeAt(k), 16777619);
  state ^= state >>> 15;
  state = Math.imul(state, 2246822519);
  return (state ^ (state >>> 13)) >>> 0;
}

// Oklab (Björn Ottosson, 2020): equal numbers look equally light, so that no module shouts.
function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return toHex([
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ]);
}

function toHex(linear) {
  const channel = (value) => {
    const v = Math.min(1, Math.max(0, value));
    const gamma = v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055;
    return Math.round(255 * gamma).toString(16).padStart(2, "0");
  };
  return `#${linear.map(channel).join("")}`;
}

function toPixel(hex) {
  const rgb = parseInt(hex.slice(1), 16);
  return ((255 << 24) | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >>> 16)) >>> 0;
}

/** WCAG contrast of two `#rrggbb` colours, 1 to 21. */
export function contrast(one, other) {
  const luminance = (hex) => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const c = parseInt(hex.slice(at, at + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}
