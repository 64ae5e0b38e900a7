// @ts-check
/* The explorer: one view of what several decoders make of the same z.

   `render` is what anywidget calls where ipywidgets draws the sliders; `mount` needs neither and draws
   its own. Both open a stage (stage.js) and put the parts on it. Whatever moves z moves the store; the
   sliders are linked to it. */

import { readAddress } from "./address.js";
import { layOut } from "./layout.js";
import { make, oncePerFrame } from "./page.js";
import { makeSliders, nameSliders } from "./sliders.js";
import { openStage } from "./stage.js";

let explorers = 0; // on this page so far

/** Open an explorer in `el`, with z in `store`. Returns { show, close }: show, when z has moved.
    @param {HTMLElement} el @param {import("./stage.js").State} state
    @param {import("./stage.js").Store} store
    @param {(stage: import("./stage.js").Stage) => HTMLElement | null} slidersFor */
function open(el, state, store, slidersFor) {
  const stage = openStage(state, store);
  const number = (explorers += 1);
  layOut(el, stage, slidersFor(stage), number);
  el.dataset.engine = stage.models[0].fast ? "wasm" : "plain";
  const told = oncePerFrame(() => {
    el.dataset.z = JSON.stringify(stage.z());
    stage.zHasMoved();
  });
  told();
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

export default { render };
