// @ts-check
/* The explorer: one view of what several decoders make of the same z.

   `render` is what anywidget calls where ipywidgets draws the sliders; `mount` needs neither and draws
   its own. Both open a stage (stage.js) and put the parts on it. Whatever moves z moves the store; the
   sliders are linked to it. */

import { openGrids, makeGrid } from "./grid.js";
import { countOutside, makeMap } from "./map.js";
import { make, makeButton, makeLabel, makeRange, oncePerFrame, subscript } from "./page.js";
import { makePad } from "./pad.js";
import { openStage } from "./stage.js";
import { makeStrip } from "./strip.js";
import { makeWalk } from "./walk.js";

/** @type {Record<string, string>} */
const TABS = { map: "Map", grid: "Grid", walk: "Walk", pad: "Draw" };
let explorers = 0; // on this page so far

/** Put an explorer into `el`: tabs, strip, and below them the squares.
    @param {HTMLElement} el @param {import("./stage.js").Stage} stage @param {HTMLElement | null} sliders */
function build(el, stage, sliders) {
  const { models, panels, points } = stage;
  const number = (explorers += 1);
  const many = models.length > 3 ? "many" : `of-${models.length}`;
  el.classList.add("latent-explorer", many);
  el.classList.toggle("coloured", models[0].channels > 1);
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the arrow keys for its cells
  if (sliders) el.append(sliders);
  el.append(make("div", { class: "bar" }, makeTabs(stage, number), makeLink(el, number)));
  const { dims, latentDim } = stage;
  if (dims.length < latentDim) {
    const known = stage.held;
    const which = known ? "those in which the codes differ most" : "the first";
    const others = known ? "stand at their mean" : "stand at 0";
    el.append(make("div", { class: "note" },
      `Sliders for ${dims.length} of ${latentDim} dimensions, ${which}; the others ${others}.`));
  }
  el.append(makeStrip(stage));
  if (!panels.length) return;

  const needGrid = openGrids(stage);
  const has = (/** @type {string} */ panel) => panels.includes(panel);
  const squares = models.map((model, m) => {
    const caption = make("div", { class: "name" }, model.name);
    const parts = [...(has("map") ? [makeMap(stage, m)] : []), ...(has("grid") ? [makeGrid(stage, m)] : [])];
    return make("div", { class: "cell" }, ...(models.length > 3 ? [caption] : []), ...parts);
  });
  const panel = make("div", { class: "panel" });
  if (panels.length > 1) {
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `explorer-${number}-tab-${stage.tab}`);
  }
  if (has("walk")) panel.append(makeWalk(stage));
  if (points?.epochs.length) panel.append(makeEpochs(stage));
  const body = make("div", { class: "columns squares" }, ...(has("pad") ? [makePad(stage)] : []));
  if (has("map") || has("grid")) body.append(...squares);
  panel.append(body);
  if (has("map")) panel.append(makeNote(stage), makeLegend(stage));
  el.append(panel);

  const showTab = () => {
    el.dataset.tab = stage.tab;
    panel.setAttribute("aria-labelledby", `explorer-${number}-tab-${stage.tab}`);
    look();
  };
  // Grids are decoded when one comes to see them, by themselves or behind a map.
  const seen = models.map(() => false);
  const look = () => seen.forEach((is, m) => {
    const behind = has("map") && stage.tab !== "grid" && stage.backdrop;
    if (is && (behind || stage.tab === "grid")) needGrid(m);
  });
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      seen[squares.indexOf(/** @type {any} */ (target))] = isIntersecting;
    }
    look();
  }, { rootMargin: "100px" });
  for (const square of squares) watcher.observe(square);
  stage.on("backdrop", look);
  stage.on("tab", showTab);
  stage.atEnd(() => watcher.disconnect());
  showTab();
}

/** @param {import("./stage.js").Stage} stage @param {number} number */
function makeTabs(stage, number) {
  const { panels } = stage;
  const list = make("div", { class: "tabs" });
  if (panels.length < 2) return list;
  list.setAttribute("role", "tablist");
  const tabs = panels.map((panel) => {
    const id = `explorer-${number}-tab-${panel}`;
    const tab = make("button", { type: "button", role: "tab", id, class: "tab" }, TABS[panel]);
    tab.addEventListener("click", () => stage.open(panel));
    return tab;
  });
  const show = () => tabs.forEach((tab, i) => {
    const chosen = panels[i] === stage.tab;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  });
  list.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const to = (panels.indexOf(stage.tab) + way + panels.length) % panels.length;
    stage.open(panels[to]);
    tabs[to].focus();
  });
  stage.on("tab", show);
  show();
  list.append(...tabs);
  return list;
}

/** What the points are; at another epoch, what else is of it.
    @param {import("./stage.js").Stage} stage */
function makeNote(stage) {
  const { models, latentDim, lastEpoch } = stage;
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const many = points.classes.length.toLocaleString("en");
  const note = make("div", { class: "note status", "aria-live": "polite" });
  const show = () => {
    const image = stage.hovered ?? stage.chosen;
    if (stage.tab === "grid") note.textContent = "Images decoded at z₁ and z₂ from −4 to 4.";
    else if (stage.epoch !== lastEpoch) {
      const lost = models.map((model, m) => ({ name: model.name, outside: countOutside(stage, m) }))
        .filter(({ outside }) => outside)
        .map(({ name, outside }) =>
          `${name}: ${outside.toLocaleString("en")} of ${many} lie outside this map.`);
      const still = models.filter(({ unfolds }) => !unfolds).map(({ name }) => name);
      const late = still.length
        ? [`The pictures of ${still.join(", ")} are of epoch ${points.epochs[lastEpoch]}.`] : [];
      note.textContent = [`Epoch ${points.epochs[stage.epoch]}.`, ...lost, ...late].join(" ");
    } else if (image !== null) {
      note.textContent = `${points.describe(image)}, and each model's reconstruction.`;
    } else {
      const directions = latentDim > 2 ? ", along the two directions in which they differ most" : "";
      note.textContent = `Codes of ${many} test images${directions}; dashed: one and two σ of N(0, I). ` +
        "Point at a ringed one to see that image; Enter on the handle takes the nearest.";
    }
  };
  for (const what of ["facts", "epoch", "tab"]) stage.on(what, show);
  show();
  return note;
}

/** @param {import("./stage.js").Stage} stage */
function makeEpochs(stage) {
  const { epochs } = /** @type {import("./stage.js").Points} */ (stage.points);
  const range = makeRange({ min: 0, max: stage.lastEpoch, step: 1, value: stage.lastEpoch });
  const number = make("output", { "aria-hidden": true });
  const show = () => {
    range.value = String(stage.epoch);
    number.textContent = String(epochs[stage.epoch]);
    range.setAttribute("aria-valuetext", `epoch ${epochs[stage.epoch]}`);
  };
  range.addEventListener("input", () => stage.setEpoch(Number(range.value)));
  stage.on("epoch", show);
  show();
  return make("div", { class: "of epochs controls" }, makeLabel("Epoch", range), number);
}

/** @param {import("./stage.js").Stage} stage */
function makeLegend(stage) {
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const legend = make("div", { class: "legend of", role: "group", "aria-label": "On the map" });
  const behind = make("button", { type: "button", "aria-pressed": "true", class: "behind" },
    "Decoded grid behind");
  behind.addEventListener("click", () => {
    stage.backdrop = !stage.backdrop;
    behind.setAttribute("aria-pressed", String(stage.backdrop));
    stage.tell("backdrop");
  });
  const classes = points.names.map((name, k) => {
    const dot = make("span", { class: "dot" });
    dot.style.background = points.colors[k % points.colors.length];
    const button = make("button", { type: "button", "aria-pressed": "false" }, dot, name);
    button.addEventListener("click", () => {
      stage.emphasis = stage.emphasis === k ? null : k;
      stage.tell("emphasis");
    });
    return button;
  });
  stage.on("emphasis", () =>
    classes.forEach((button, k) => button.setAttribute("aria-pressed", String(k === stage.emphasis))));
  legend.append(...classes, behind);
  return legend;
}

// ---- Addresses -------------------------------------------------------------------------------------

/** What an address says after #: z=0.5,-1.2, of the first explorer or of the one that it names.
    @param {string} hash @param {number} number @returns {number[] | null} */
export function readAddress(hash, number) {
  const said = new URLSearchParams(hash.slice(1));
  if (!said.get("z") || Number(said.get("explorer") ?? 1) !== number) return null;
  const z = /** @type {string} */ (said.get("z")).split(",").map(Number);
  return z.every(Number.isFinite) ? z : null;
}

/** @param {HTMLElement} el @param {number} number */
function makeLink(el, number) {
  const button = makeButton("Copy link", async () => {
    const z = JSON.parse(el.dataset.z ?? "[]").join(",");
    const hash = `#z=${z}${number > 1 ? `&explorer=${number}` : ""}`;
    history.replaceState(null, "", hash);
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Copied";
    } catch {
      button.textContent = "It is in the address";
    }
    setTimeout(() => (button.textContent = "Copy link"), 2000);
  });
  button.classList.add("link");
  // An address of JupyterLab's or Colab's leads nobody here.
  const elsewhere = document.querySelector(".jp-Notebook, colab-output-view");
  button.hidden = elsewhere !== null || location.protocol === "blob:";
  return button;
}

// ---- The widget ------------------------------------------------------------------------------------

/** Open an explorer in `el`, with z in `store`. Returns { show, close }: show, when z has moved.
    @param {HTMLElement} el @param {import("./stage.js").State} state
    @param {import("./stage.js").Store} store
    @param {(stage: import("./stage.js").Stage) => HTMLElement | null} slidersFor */
function open(el, state, store, slidersFor) {
  const stage = openStage(state, store);
  build(el, stage, slidersFor(stage));
  el.dataset.engine = stage.models[0].fast ? "wasm" : "plain";
  const told = oncePerFrame(() => {
    el.dataset.z = JSON.stringify(stage.z());
    stage.zHasMoved();
  });
  told();
  const number = explorers;
  const restore = () => {
    const z = readAddress(location.hash, number);
    if (!z || z.length !== stage.dims.length) return;
    stage.moveTo(z);
    el.scrollIntoView({ block: "nearest" });
  };
  restore();
  addEventListener("hashchange", restore);
  return {
    show: told,
    stage,
    close() {
      removeEventListener("hashchange", restore);
      told.cancel();
      stage.close();
    },
  };
}

/** Tell screen readers what ipywidgets, which draws the sliders beside us, leaves out or says badly.
    @param {HTMLElement} el @param {import("./stage.js").Stage} stage */
function nameSliders(el, { dims, low, high, z }) {
  const box = el.parentElement;
  const handles = box?.querySelectorAll(".noUi-handle, .ui-slider-handle") ?? [];
  if (!box || handles.length !== dims.length) return; // not drawn yet
  box.classList.add("latent-sliders");
  const values = z();
  handles.forEach((handle, i) => {
    const name = `z${subscript(dims[i])}`;
    handle.setAttribute("aria-label", name);
    handle.setAttribute("aria-valuetext", values[i].toFixed(2));
    const slider = handle.closest(".widget-slider");
    slider?.querySelector(".widget-label")?.setAttribute("title", name);
    const readout = slider?.querySelector(".widget-readout");
    readout?.setAttribute("aria-label", `${name} as a number`);
    readout?.setAttribute("role", "textbox");
    if (!handle.matches(".ui-slider-handle")) return;
    // ipywidgets 7, which Colab has, does not even say that it is a slider.
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-valuemin", String(low));
    handle.setAttribute("aria-valuemax", String(high));
    handle.setAttribute("aria-valuenow", values[i].toFixed(2));
  });
}

/** @param {{model: any, el: HTMLElement}} widget */
function render({ model, el }) {
  const state = Object.fromEntries(
    ["models", "points", "panels", "dims", "latent_dim", "low", "high", "step", "around"]
      .map((name) => [name, model.get(name)]));
  const names = state.dims.map((/** @type {number} */ dim) => `z${dim + 1}`);
  const store = {
    // ipywidgets' own steps add up to 0.04999999999999982.
    read: () => names.map((/** @type {string} */ name) => Number(model.get(name).toFixed(2))),
    write(/** @type {number[]} */ z) {
      names.forEach((/** @type {string} */ name, /** @type {number} */ i) => model.set(name, z[i]));
      model.save_changes();
    },
  };
  const explorer = open(el, /** @type {any} */ (state), store, () => null);
  // After the sliders have said what they say.
  const nameThem = oncePerFrame(() => requestAnimationFrame(() => nameSliders(el, explorer.stage)));
  const update = () => {
    explorer.show();
    nameThem();
  };
  for (const name of names) model.on(`change:${name}`, update);
  update();
  setTimeout(nameThem, 500); // sliders that are drawn after us
  return () => {
    for (const name of names) model.off(`change:${name}`, update);
    explorer.close();
  };
}

/** {"base64": …} anywhere in plain JSON becomes the bytes that it stands for.
    @param {any} value @returns {any} */
export function withBytes(value) {
  if (Array.isArray(value)) return value.map(withBytes);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.base64 === "string") {
    return new DataView(Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0)).buffer);
  }
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withBytes(part)]));
}

/** An explorer of its own, from what Python's `explorer_state` gives. Returns a function that ends it.
    @param {HTMLElement} element @param {any} state
    @param {{tour?: boolean}} [options] tour: it first moves by itself */
export function mount(element, state, { tour = false } = {}) {
  const facts = withBytes(state);
  let z = facts.dims.map(() => 0);
  /** @type {() => void} */
  let moved = () => {};
  const store = {
    read: () => z,
    write(/** @type {number[]} */ to) {
      z = to;
      moved();
    },
  };
  const root = make("div");
  element.append(root);
  const explorer = open(root, facts, store, (stage) => makeSliders(stage));
  moved = explorer.show;
  if (tour) goAround(root, explorer.stage);
  return explorer.close;
}

const TOUR = 4500; // milliseconds: what moves for longer would need a button that stops it

/** Once around the middle and back to it, so that everybody sees what moves; a touch or a key ends it.
    @param {HTMLElement} el @param {import("./stage.js").Stage} stage */
function goAround(el, stage) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches || stage.z().some((value) => value)) return;
  const begin = performance.now();
  const step = (/** @type {number} */ now) => {
    const part = Math.min(Math.max(now - begin, 0) / TOUR, 1);
    const [radius, angle] = [2 * Math.sin(Math.PI * part), 2 * Math.PI * part];
    stage.moveTo(stage.fromPlace(0, [radius * Math.cos(angle), radius * Math.sin(angle)]));
    if (part < 1) frame = requestAnimationFrame(step);
  };
  let frame = requestAnimationFrame(step);
  const stop = () => cancelAnimationFrame(frame);
  for (const kind of ["pointerdown", "keydown"]) el.addEventListener(kind, stop, { once: true });
  stage.atEnd(stop);
}

/** @param {import("./stage.js").Stage} stage */
function makeSliders(stage) {
  const { dims, low, high } = stage;
  const rows = dims.map((dim, i) => {
    const range = makeRange({ min: low, max: high, step: 0.05, value: 0 });
    const number = make("output", { "aria-hidden": true }, "0.00");
    range.addEventListener("input", () => {
      stage.moveTo(stage.z().map((/** @type {number} */ value, /** @type {number} */ k) =>
        (k === i ? Number(range.value) : value)));
    });
    const show = () => {
      const value = stage.z()[i].toFixed(2);
      range.value = value;
      number.textContent = value.replace("-", "−");
      range.setAttribute("aria-valuetext", value);
    };
    stage.on("z", show);
    show();
    return make("div", { class: "slider" }, makeLabel(`z${subscript(dim)}`, range), number);
  });
  return make("div", { class: "sliders" }, ...rows);
}

export default { render };
