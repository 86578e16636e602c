// A group's page: fetches the range's payload, draws it, and draws again when a report has arrived.

import { FlameGraph } from "./flamegraph/flamegraph.js";
import { optionsFrom } from "./flamegraph/state.js";

const POLL_MS = 2000;
const SLOW_MS = 300;
const SLIDE_MS = 60_000;
const MOST_OFFERED = 100;
const ADDRESS_MS = 100;

const container = document.getElementById("graph");
const statusLine = document.getElementById("status");
const empty = document.getElementById("empty");
const group = encodeURIComponent(container.dataset.group);

let graph = null;
let watermark = -1;
let loadedAt = 0;

function say(text) {
  statusLine.textContent = text;
  statusLine.hidden = !text;
}

// The collector was reached and said no: asking again would not help.
class Refusal extends Error {}

async function fetchJson(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (answer.status >= 400 && answer.status < 500) throw new Refusal(body.message);
  if (!answer.ok) throw new Error(body.message || `the collector answered ${answer.status}`);
  return body;
}

// How far back each choice of "compare with" lies; null: by the range's own length.
const BACK_S = { previous: null, day: 86_400, week: 7 * 86_400 };

// The profile to compare with, as a query and its group, or null.
function baselineQuery(payload) {
  const page = new URLSearchParams(location.search);
  const back = BACK_S[page.get("compare")];
  const base = new URLSearchParams({ packed: "1" });
  const name = page.get("base_group") || container.dataset.group;
  if (page.get("base_from")) {
    base.set("from", page.get("base_from"));
    if (page.get("base_to")) base.set("to", page.get("base_to"));
  } else if (back !== undefined) {
    const by = back ?? payload.end - payload.start;
    base.set("from", (payload.start - by).toFixed(3));
    base.set("to", (payload.end - by).toFixed(3));
  } else if (page.get("base_group") || page.get("base_label")) {
    for (const [key, value] of rangeQuery()) if (key === "from" || key === "to") base.append(key, value);
  } else return null;
  const own = page.getAll("base_label").length ? "base_label" : "label";
  for (const label of page.getAll(own)) if (label) base.append("label", label);
  if (page.get("groupBy")) base.set("groupBy", page.get("groupBy"));
  return `/api/groups/${encodeURIComponent(name)}/flamegraph?${base}`;
}

function rangeQuery() {
  const page = new URLSearchParams(location.search);
  const range = new URLSearchParams();
  for (const name of ["from", "to"]) if (page.get(name)) range.set(name, page.get(name));
  for (const label of page.getAll("label")) if (label) range.append("label", label);
  if (page.get("groupBy")) range.set("groupBy", page.get("groupBy"));
  return range;
}

// The address always says what is shown, so that it can be sent to someone. Browsers refuse to change it 60 times a second.
let addressAt = 0;
let addressLater = 0;

function keepInAddress(shown) {
  clearTimeout(addressLater);
  const wait = addressAt + ADDRESS_MS - performance.now();
  if (wait > 0) addressLater = setTimeout(() => writeAddress(shown), wait);
  else writeAddress(shown);
}

function writeAddress(shown) {
  addressAt = performance.now();
  const page = new URLSearchParams(location.search);
  for (const [name, told] of Object.entries(shown.state())) {
    page.delete(name);
    for (const text of [told].flat()) if (text) page.append(name, text);
  }
  history.replaceState(null, "", `?${page}`);
}

async function load() {
  const slow = setTimeout(() => say("Loading…"), SLOW_MS);
  try {
    const payload = await fetchJson(`/api/groups/${group}/flamegraph?packed=1&${rangeQuery()}`);
    const total = payload.values.reduce((sum, value) => sum + value.sum, 0);
    empty.hidden = total > 0;
    container.hidden = total === 0;
    const comparing = baselineQuery(payload);
    const baseline = comparing && total > 0 ? await fetchJson(comparing) : null;
    if (total > 0) show(payload, baseline);
    await showContext();
    loadedAt = performance.now();
  } finally {
    clearTimeout(slow);
  }
}

// Whose code the group's settings say it is.
function settled(kind) {
  return container.dataset[kind].split(" ").filter(Boolean).map((part) => [part, kind]);
}

function show(payload, baseline) {
  if (graph) {
    graph.setPayload(payload, baseline);
    return;
  }
  const page = new URLSearchParams(location.search);
  graph = new FlameGraph(container, payload, {
    ...optionsFrom(page),
    value: container.dataset.value,
    origins: [...settled("own"), ...settled("library"), ...optionsFrom(page).origins],
    source: { forge: container.dataset.forge, editor: container.dataset.editor, root: container.dataset.root },
    baseline,
    compareBy: page.get("by") ?? "share",
    onCompare: compareOrNot,
    onChange: keepInAddress,
  });
  globalThis.flameGraph = graph;
}

// A range up to now moves on even when no report comes.
function hasMovedOn() {
  const range = rangeQuery();
  const slides = !range.get("to") || !/^\d/.test(range.get("from") ?? "");
  return slides && performance.now() - loadedAt > SLIDE_MS;
}

async function poll() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", poll, { once: true });
    return;
  }
  try {
    const latest = (await fetchJson(`/api/groups/${group}/watermark`)).watermark;
    if (latest !== watermark || hasMovedOn()) {
      await load();
      watermark = latest;
    }
    say("");
  } catch (error) {
    if (error instanceof Refusal) {
      say(error.message);
      return;
    }
    say(`Cannot reach the collector (${error.message}). Trying again.`);
  }
  setTimeout(poll, POLL_MS);
}

// The strip's library is larger than all the rest: it is asked for once the picture is there.
let strip = null;

async function showStrip(series) {
  if (!strip) {
    const { MetricStrip } = await import("./strip.js");
    strip = new MetricStrip(document.getElementById("strip"), chooseRange);
  }
  strip.show(series);
}

function chooseRange(range, isBaseline) {
  const names = isBaseline ? ["base_from", "base_to"] : ["from", "to"];
  go({ [names[0]]: range.from, [names[1]]: range.to, ...(isBaseline ? { compare: "" } : {}) });
}

// What stands around the graph: samples over time, and the labels that can be chosen.
async function showContext() {
  const query = rangeQuery();
  const [series, { labels }] = await Promise.all([
    fetchJson(`/api/groups/${group}/series?${query}`), fetchJson(`/api/groups/${group}/labels?${query}`),
  ]);
  await showStrip(series);
  if (trendsFor !== watermark) showTrends(query).catch(() => graph?.setTrends(null));
  const chosen = new URLSearchParams(location.search);
  const keys = Object.keys(labels);
  fill("group-by", ["", ...keys], chosen.get("groupBy") ?? "", (key) => key || "nothing");
  showMarks(series);
  showLabels(chosen.getAll("label").filter(Boolean));
  const pairs = keys.flatMap((key) => labels[key].slice(0, MOST_OFFERED).map((value) => `${key}:${value}`));
  fill("label", ["", ...pairs], "", (pair) => pair.replace(":", ": ") || "add a label");
}

const clock = (time) => new Date(time * 1000).toISOString().slice(11, 16);

// What happened in the range, as text: each deploy offers the comparison with what ran before it.
function showMarks({ deploys, findings }) {
  const list = document.getElementById("marks");
  const items = [
    ...deploys.slice(0, 5).map(({ at, revision, before }) => [
      `${revision.slice(0, 12)} since ${clock(at)} UTC: compare with ${before.slice(0, 12)}`,
      { label: [`revision:${revision}`], base_label: [`revision:${before}`], compare: "" },
    ]),
    ...findings.slice(0, 5).map(({ start, end, frame }) => [
      `${frame.slice(0, 80)} unusual at ${clock(start)} UTC`, { from: Math.floor(start), to: Math.ceil(end), search: frame },
    ]),
  ];
  list.hidden = items.length === 0;
  list.replaceChildren(...items.map(([text, changes]) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `?${changed(changes)}`;
    link.textContent = text;
    item.append(link);
    return item;
  }));
}

// The labels asked for, each with a button that takes it away.
function showLabels(labels) {
  const place = document.getElementById("labels");
  place.replaceChildren(...labels.map((label) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.textContent = `${label.replace(":", ": ").slice(0, 80)} ×`;
    chip.setAttribute("aria-label", `No longer only ${label.slice(0, 200)}`);
    chip.addEventListener("click", () => go({ label: labels.filter((other) => other !== label) }));
    return chip;
  }));
}

// Each function's share over the range, for the table: asked for once per report, and not waited for.
let trendsFor = null;

async function showTrends(query) {
  trendsFor = watermark;
  const { names, shares } = await fetchJson(`/api/groups/${group}/trends?${query}`);
  graph?.setTrends(new Map(names.map((name, k) => [name, shares[k]])));
}

function fill(id, values, chosen, say) {
  const list = document.getElementById(id);
  const all = values.includes(chosen) ? values : [...values, chosen];
  list.replaceChildren(...all.map((value) => new Option(say(value).slice(0, 80), value, false, value === chosen)));
}

// The page's parameters with some changed: texts, or lists of texts; an empty one is left out.
function changed(changes) {
  const page = new URLSearchParams(location.search);
  for (const [name, told] of Object.entries(changes)) {
    page.delete(name);
    for (const value of [told].flat()) if (value !== "" && value !== null) page.append(name, value);
  }
  return page;
}

function go(changes) {
  location.search = changed(changes).toString();
}

const STOP_COMPARING = { compare: "", base_from: "", base_to: "", base_group: "", base_label: "" };

function compareOrNot() {
  const page = new URLSearchParams(location.search);
  const compares = Object.keys(STOP_COMPARING).some((name) => page.has(name));
  go(compares ? STOP_COMPARING : { compare: "previous" });
}

const onChoice = (id, changes) =>
  document.getElementById(id).addEventListener("change", (event) => go(changes(event.target.value)));
onChoice("from", (from) => ({ from, to: "" }));
onChoice("group-by", (groupBy) => ({ groupBy }));
onChoice("label", (label) => ({ label: [...new Set([...new URLSearchParams(location.search).getAll("label"), label])] }));
onChoice("compare", (compare) => ({ ...STOP_COMPARING, compare }));

poll();
