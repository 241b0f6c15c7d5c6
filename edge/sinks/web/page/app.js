"use strict";

// Okabe and Ito's colors, which most color-blind people can tell apart; gray is for "uncertain".
const COLORS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#8a8f94"];
const GRAY = "#9aa0a6";
const TIMELINE_S = 300;
const STAGES = ["detect", "preprocess", "invoke", "postprocess"];
// Without a message for so long, the connection is dead although the browser has not noticed.
const SILENT_MS = 6000;
// What is older, in seconds, is not shown as the present.
const OLD_S = 5;

const at = (id) => document.getElementById(id);
let about = { labels: [], privacy: false, title: "edgeemo", notice: [] };
let timeline = [];
let states = new Map();
let fetching = false;
let heard = 0;

const color = (label) => (about.labels.includes(label) ? COLORS[about.labels.indexOf(label) % COLORS.length] : GRAY);
// A tracked face that the detector misses right now has no place among the faces of the frame.
const seen = (face) => face.face !== null;
const percent = (value) => `${Math.round(100 * value)} %`;

function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

function swatch(fill, share = 1) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const rect = document.createElementNS(space, "rect");
  rect.setAttribute("width", `${100 * share}%`);
  rect.setAttribute("height", "100%");
  rect.setAttribute("fill", fill);
  svg.append(rect);
  return svg;
}

function bar(name, share, text, fill, best) {
  const row = make("div", undefined, "bar");
  row.append(make("span", name, best ? "best" : ""), swatch(fill, Math.min(1, share)), make("output", text));
  return row;
}

function showFaces(faces) {
  const place = at("faces");
  place.replaceChildren();
  if (!faces.length) place.append(make("p", "No face detected.", "soft"));
  for (const one of faces) {
    const box = make("div", undefined, seen(one) ? "face" : "face away");
    const head = make("h3", one.label);
    head.append(make("small", one.id === undefined ? percent(one.confidence) : `face ${one.id} · ${percent(one.confidence)}`));
    box.append(head);
    for (const [label, value] of Object.entries(one.probabilities)) {
      box.append(bar(label, value, percent(value), color(label), label === one.label));
    }
    place.append(box);
  }
}

// The image and the bars beside it always show the same frame.
function draw(state, image) {
  showFaces(state.faces);
  const view = at("view");
  const [width, height] = state.size || [view.width, view.height];
  if (view.width !== width || view.height !== height) Object.assign(view, { width, height });
  const pen = view.getContext("2d");
  pen.fillStyle = "#1b1c1e";
  pen.fillRect(0, 0, width, height);
  if (image) pen.drawImage(image, 0, 0, width, height);
  const unit = Math.max(width, height) / 640;
  pen.lineWidth = 3 * unit;
  pen.font = `600 ${16 * unit}px system-ui, sans-serif`;
  pen.textBaseline = "top";
  for (const one of state.faces) {
    const [x, y, w, h] = one.box;
    pen.strokeStyle = pen.fillStyle = color(one.label);
    pen.setLineDash(seen(one) ? [] : [8 * unit, 6 * unit]);
    pen.strokeRect(x, y, w, h);
    const text = `${one.label} ${percent(one.confidence)}`;
    const top = y >= 24 * unit ? y - 23 * unit : y;
    pen.fillRect(x - 1.5 * unit, top, pen.measureText(text).width + 10 * unit, 23 * unit);
    pen.fillStyle = "#000";
    pen.fillText(text, x + 3 * unit, top + 3 * unit);
  }
}

async function showFrame(state) {
  if (about.privacy || !state.size || state.state !== "running") return draw(state, null);
  if (fetching) return;
  fetching = true;
  try {
    const answer = await fetch(`frame.jpg?n=${state.n}`);
    if (!answer.ok) return draw(state, null);
    const image = await createImageBitmap(await answer.blob());
    // The boxes of that very frame, should it be another one than was asked for.
    draw(states.get(Number(answer.headers.get("X-Frame"))) || state, image);
    image.close();
  } catch {
    draw(state, null);
  } finally {
    fetching = false;
  }
}

function showState(state) {
  states.set(state.n, state);
  for (const key of states.keys()) if (states.size > 30) states.delete(key);
  const old = state.state === "running" && state.age > OLD_S;
  at("state").textContent = old ? "silent" : state.state;
  at("state").className = old ? "chip" : `chip ${state.state}`;
  at("rate").textContent = `${state.fps.toFixed(1)} frames/s`;
  const over = at("over");
  over.hidden = state.state === "running" && !about.privacy && !old;
  const why = state.reason || `the camera is ${state.state}`;
  over.textContent = `${why} (for ${Math.round(state.for)} s)`;
  if (old) {
    over.textContent = `No update from the runner for ${Math.round(state.age)} s.`;
    draw({ faces: [] }, null);
    return;
  }
  if (state.state === "running") over.textContent = "Privacy: no image leaves the device.";
  if (state.state === "running" && !state.ms) return;
  showFrame(state);
  if (state.ms) {
    const slowest = Math.max(state.ms.total, 1e-3);
    const rows = STAGES.map((name) => bar(name, state.ms[name] / slowest, `${state.ms[name].toFixed(1)}`, "#56b4e9"));
    at("stages").replaceChildren(...rows);
    at("counts").textContent =
      `${state.ms.total.toFixed(1)} ms in all. Dropped frames: ${state.dropped}. Reconnects: ${state.reconnects}.` +
      (state.restarts ? ` Restarts of the model: ${state.restarts}.` : "");
  }
}

function showTimeline() {
  const canvas = at("timeline");
  const pen = canvas.getContext("2d");
  const { width, height } = canvas;
  pen.clearRect(0, 0, width, height);
  if (!timeline.length) return;
  const last = timeline[timeline.length - 1].t;
  const step = width / TIMELINE_S;
  for (const second of timeline) {
    const x = width - (last - second.t + 1) * step;
    if (second.state !== "running") {
      pen.fillStyle = "#b3261e55";
      pen.fillRect(x, 0, step + 0.5, height);
    }
    if (!second.probabilities) continue;
    let y = height;
    for (const label of about.labels) {
      const part = (second.probabilities[label] || 0) * height;
      pen.fillStyle = color(label);
      pen.fillRect(x, y - part, step + 0.5, part);
      y -= part;
    }
  }
}

function showAbout(value) {
  about = value;
  document.title = about.title;
  at("title").textContent = about.title;
  at("notice").replaceChildren(...about.notice.map((text) => make("p", text)));
  const entries = about.labels.map((label) => {
    const entry = make("span");
    entry.append(swatch(color(label)), label);
    return entry;
  });
  at("legend").replaceChildren(...entries);
  timeline = [];
}

function offline() {
  at("state").textContent = "no connection to the runner";
  at("state").className = "chip";
  at("over").hidden = false;
  at("over").textContent = "No connection to the runner. Trying again.";
  at("rate").textContent = "";
  draw({ faces: [] }, null);
}

let source;
function connect() {
  if (source) source.close();
  heard = Date.now();
  source = new EventSource("events");
  const on = (kind, take) =>
    source.addEventListener(kind, (event) => {
      heard = Date.now();
      take(JSON.parse(event.data));
    });
  on("about", showAbout);
  on("state", showState);
  on("timeline", (seconds) => {
    timeline = timeline.concat(seconds).slice(-TIMELINE_S);
    showTimeline();
  });
  source.onerror = offline;
}

setInterval(() => {
  if (Date.now() - heard < SILENT_MS) return;
  offline();
  connect();
}, 2000);
connect();
