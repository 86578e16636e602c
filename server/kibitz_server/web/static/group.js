// A group's page: fetches the range's payload, draws it, and draws again when a report has arrived.

import { FlameGraph } from "./flamegraph/flamegraph.js";

const POLL_MS = 2000;
const SLOW_MS = 300;
const SLIDE_MS = 60_000;

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

function rangeQuery() {
  const page = new URLSearchParams(location.search);
  const range = new URLSearchParams();
  for (const name of ["from", "to"]) if (page.get(name)) range.set(name, page.get(name));
  return range;
}

// The address always says what is shown, so that it can be sent to someone.
function keepInAddress(shown) {
  const page = new URLSearchParams(location.search);
  page.set("value", shown.value);
  const set = (name, text) => (text ? page.set(name, text) : page.delete(name));
  set("search", shown.searchText);
  set("view", shown.shape.view === "overview" ? "" : shown.shape.view);
  set("inspect", shown.shape.inspect);
  page.delete("hide");
  for (const name of shown.hidden) page.append("hide", name);
  history.replaceState(null, "", `?${page}`);
}

async function load() {
  const slow = setTimeout(() => say("Loading…"), SLOW_MS);
  try {
    const payload = await fetchJson(`/api/groups/${group}/flamegraph?${rangeQuery()}`);
    const total = payload.values.reduce((sum, value) => sum + value.self.reduce((a, b) => a + b, 0), 0);
    empty.hidden = total > 0;
    container.hidden = total === 0;
    if (total > 0) show(payload);
    loadedAt = performance.now();
  } finally {
    clearTimeout(slow);
  }
}

function show(payload) {
  if (graph) {
    graph.setPayload(payload);
    return;
  }
  const page = new URLSearchParams(location.search);
  graph = new FlameGraph(container, payload, {
    value: container.dataset.value,
    search: page.get("search") ?? "",
    view: page.get("view") ?? "overview",
    inspect: page.get("inspect") ?? "",
    hidden: page.getAll("hide"),
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

document.getElementById("from").addEventListener("change", (event) => {
  const page = new URLSearchParams(location.search);
  page.set("from", event.target.value);
  page.delete("to");
  location.search = page.toString();
});

poll();
