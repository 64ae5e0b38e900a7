// @ts-check
/* Pieces of page: elements, pictures, controls and pointers. */

/** An element with attributes and children. Strings become text, never markup.
    @template {keyof HTMLElementTagNameMap} T
    @param {T} tag @param {Record<string, any>} [attributes] @param {...(Node | string)} children
    @returns {HTMLElementTagNameMap[T]} */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** The same for the vector drawing that lies over the map.
    @param {string} tag @param {Record<string, any>} attributes @param {string} [text] */
export function draw(tag, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.textContent = text;
  return node;
}

// ---- Pictures --------------------------------------------------------------------------------------

/** Pixels in 0 … 1 as an image that a canvas can take: grey ones dark on white, as in the book's
    figures, colours as they are.
    @param {ArrayLike<number>} pixels @param {number} width @param {number} height */
export function toImage(pixels, width, height) {
  const image = new ImageData(width, height);
  const { data } = image;
  if (pixels.length === width * height) {
    const words = new Uint32Array(data.buffer);
    for (let i = 0; i < words.length; i++) {
      const grey = Math.min(Math.max(Math.round(255 * (1 - pixels[i])), 0), 255);
      words[i] = 0xff000000 | (grey * 0x10101);
    }
    return image;
  }
  for (let i = 0; i < width * height; i++) {
    for (let colour = 0; colour < 3; colour++) data[4 * i + colour] = 255 * pixels[3 * i + colour];
    data[4 * i + 3] = 255;
  }
  return image;
}

/** @param {{width: number, height: number}} size @param {string} label @param {string} [kind] */
export function makePicture({ width, height }, label, kind = "") {
  return make("canvas", { class: `picture ${kind}`, width, height, role: "img", "aria-label": label });
}

/** @param {HTMLCanvasElement} canvas */
export const surface = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));

/** @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} pixels */
export function showPicture(canvas, pixels) {
  surface(canvas).putImageData(toImage(pixels, canvas.width, canvas.height), 0, 0);
}

// ---- Words -----------------------------------------------------------------------------------------

/** @param {number} i */
export const subscript = (i) => String(i + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]);
/** @param {number} number */
export const shown = (number) => number.toFixed(2).replace("-", "−");
/** Codes with the names of their dimensions.
    @param {ArrayLike<number>} z @param {number[]} dims */
export const spoken = (z, dims) =>
  dims.map((dim, i) => `z${subscript(dim)}\u00a0${shown(z[i])}`).join(", ");

// ---- Controls --------------------------------------------------------------------------------------

/** A control of the browser's own, with its name in front of it. The name is repeated as a label for
    screen readers, which would take a list's choices as part of it.
    @param {string} name @param {HTMLElement} control */
export function makeLabel(name, control) {
  control.setAttribute("aria-label", name);
  return make("label", {}, make("span", {}, name), control);
}

/** @param {Record<string, any>} attributes */
export function makeRange(attributes) {
  const range = make("input", { type: "range", ...attributes });
  // A finger that comes down on a track to scroll the page sets the value first: give it back.
  let before = "";
  range.addEventListener("pointerdown", () => (before = range.value));
  range.addEventListener("pointercancel", () => {
    range.value = before;
    range.dispatchEvent(new Event("input", { bubbles: true }));
  });
  return range;
}

/** @param {string[]} names @param {number} chosen */
export function makeSelect(names, chosen) {
  const select = make("select", {}, ...names.map((name, i) => make("option", { value: i }, name)));
  select.value = String(chosen);
  return select;
}

/** @param {string} name @param {() => void} press */
export function makeButton(name, press) {
  const button = make("button", { type: "button", class: "action" }, name);
  button.addEventListener("click", press);
  return button;
}

// ---- Time ------------------------------------------------------------------------------------------

/** However often it is asked for, the work is done once a frame of the screen. The mark is taken away
    before it begins: what changes later asks for another time.
    @param {() => void} work */
export function oncePerFrame(work) {
  let waiting = 0;
  const ask = () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      work();
    });
  };
  ask.cancel = () => cancelAnimationFrame(waiting);
  ask.now = work;
  return ask;
}

const SLICE = 10; // milliseconds: a frame has room for it beside what a drag draws
/** @type {Set<() => boolean>} */
const jobs = new Set();
let running = false;

/** Long work in small pieces, with pauses in which the page answers its reader. `piece` does one and
    says whether there is another. Several works take turns. Returns a function that ends it.
    @param {() => boolean} piece */
export function inSlices(piece) {
  jobs.add(piece);
  const turn = () => {
    const end = performance.now() + SLICE;
    while (jobs.size && performance.now() < end) for (const job of jobs) if (!job()) jobs.delete(job);
    running = jobs.size > 0;
    if (running) setTimeout(turn);
  };
  if (!running) setTimeout(turn);
  running = true;
  return () => jobs.delete(piece);
}

/** All of it at once. */
export function finishJobs() {
  while (jobs.size) for (const job of jobs) if (!job()) jobs.delete(job);
}

// ---- What is dragged -------------------------------------------------------------------------------

/** What the map's handle and the grid's frame have in common: a thing at z that arrow keys move.
    @param {string} kind @param {string} label @param {number[]} range */
export function makeGrip(kind, label, [low, high]) {
  return make("div", {
    class: kind, role: "slider", tabindex: 0, "aria-label": label,
    "aria-roledescription": "two-dimensional slider",
    "aria-valuemin": low, "aria-valuemax": high,
  });
}

/** @param {HTMLElement} grip @param {number} left @param {number} top @param {number} first
    @param {string} words */
export function placeGrip(grip, left, top, first, words) {
  grip.style.left = `${100 * left}%`;
  grip.style.top = `${100 * top}%`;
  grip.setAttribute("aria-valuenow", first.toFixed(2));
  grip.setAttribute("aria-valuetext", words);
}

/** @type {Record<string, number[]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** @param {HTMLElement} grip @param {(steps: number[]) => void} step */
export function onArrows(grip, step) {
  grip.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || event.altKey || event.ctrlKey || event.metaKey) return; // the browser's own keys
    event.preventDefault(); // the page would scroll
    step(arrow.map((direction) => direction * (event.shiftKey ? 5 : 1)));
  });
}

/** Report pointers on `area` as fractions from its left and its top.

    A mouse may drag from anywhere. A finger drags only when it starts on `grip`: elsewhere its
    swipes belong to the page, which could not be scrolled otherwise, and its taps to us. `hover` is
    told where a mouse is that drags nothing, and where a finger is put down; null at the end.
    @param {HTMLElement} area @param {HTMLElement} grip
    @param {{drag: (at: number[]) => void, tap: (at: number[], box: DOMRect) => void,
             hover?: (at: number[] | null, box: DOMRect) => void}} reports */
export function onPointer(area, grip, { drag, tap, hover = () => {} }) {
  /** @type {number[] | null} */
  let from = null;
  let moved = false;
  const fractions = (/** @type {MouseEvent} */ event) => {
    const box = area.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  area.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return; // a second finger neither begins a drag nor ends one
    moved = false;
    const held = grip.contains(/** @type {Node} */ (event.target));
    if (event.pointerType !== "mouse" && !held) hover(fractions(event), area.getBoundingClientRect());
    if ((event.pointerType !== "mouse" && !held) || event.button !== 0) return;
    from = [event.clientX, event.clientY];
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    if (!event.isPrimary) return;
    if (!from) {
      if (event.pointerType === "mouse") hover(fractions(event), area.getBoundingClientRect());
      return;
    }
    moved ||= Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 4;
    if (moved) drag(fractions(event));
  });
  const release = (/** @type {PointerEvent} */ event) => {
    if (event.isPrimary) from = null;
  };
  area.addEventListener("pointerup", release);
  const leave = () => from === null && hover(null, area.getBoundingClientRect());
  area.addEventListener("pointercancel", leave);
  area.addEventListener("pointerleave", leave);
  area.addEventListener("click", (event) => {
    if (!moved) tap(fractions(event), area.getBoundingClientRect());
    grip.focus({ preventScroll: true });
  });
}
