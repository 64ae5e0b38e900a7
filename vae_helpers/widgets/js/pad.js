// @ts-check
/* The pad: a drawing or a test image → μ and σ → a draw from q(z|x) → a picture, for each model. */

import { centre } from "./drawing.js";
import { make, makeButton, makeLabel, oncePerFrame, toImage } from "./page.js";

const PAD = 280; // the pad's pixels in each direction

/** @param {import("./stage.js").Stage} stage */
export function makePad(stage) {
  const { models } = stage;
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const { width, height, channels } = models[0]; // Python has made sure that all are alike
  const coloured = channels > 1;
  const tall = coloured ? Math.round((PAD * height) / width) : PAD;
  /** @type {{color: string, points: number[][]}[]} */
  const strokes = [];
  /** @type {number | null} a test image: shown alone, or in colour what is drawn on */
  let taken = coloured ? points.marked[0] : null;
  let next = coloured ? 1 : 0;
  let noise = models.map(({ latentDim }) => new Array(latentDim).fill(0)); // z = μ until resampled

  const pad = make("canvas", {
    class: "pad", width: PAD, height: tall, role: "img",
    "aria-label": "Drawing pad for mouse, finger or pen; the button Test image needs none",
  });
  const context = /** @type {CanvasRenderingContext2D} */ (
    pad.getContext("2d", { willReadFrequently: true }));
  const { box, pen } = points.ink ?? { box: Math.max(width, height), pen: Math.max(width, height) / 14 };
  context.lineWidth = (pen * PAD) / box; // pen, once a drawing that fills the pad is scaled
  context.lineCap = context.lineJoin = "round";
  const resampling = makeButton("Resample", resample);
  const buttons = [
    makeButton("Test image", takeNext), makeButton("Undo", undo), makeButton("Clear", clear),
    ...(models.some(({ spreads }) => spreads) ? [resampling] : []),
  ];
  const color = make("input", { type: "color", value: "#d03030" });
  const status = make("div", { class: "note", "aria-live": "polite" });
  const controls = make("div", { class: "buttons" }, ...buttons,
    ...(coloured ? [makeLabel("Colour", color)] : []), status);
  const root = make("div", { class: "of pad-side" }, pad, controls);

  function clear() {
    strokes.length = 0;
    if (!coloured) taken = null;
    begin();
  }
  function undo() {
    if (coloured || taken === null) strokes.pop();
    if (!coloured) taken = null;
    begin();
  }
  function takeNext() {
    strokes.length = 0;
    taken = points.marked[next];
    next = (next + 1) % points.marked.length;
    begin();
  }
  /** What is new is first decoded at its mean. */
  function begin() {
    noise = noise.map((each) => each.map(() => 0));
    update();
  }
  function resample() {
    noise = noise.map((each) => each.map(normal));
    update();
  }

  function drawStrokes() {
    context.clearRect(0, 0, PAD, tall);
    if (taken !== null) {
      const small = new OffscreenCanvas(width, height);
      const inside = /** @type {OffscreenCanvasRenderingContext2D} */ (small.getContext("2d"));
      inside.putImageData(toImage(points.pixels(taken), width, height), 0, 0);
      context.imageSmoothingEnabled = false;
      context.drawImage(small, 0, 0, PAD, tall);
    }
    for (const stroke of strokes) {
      context.strokeStyle = stroke.color;
      context.beginPath();
      context.moveTo(stroke.points[0][0], stroke.points[0][1]);
      for (const [x, y] of stroke.points) context.lineTo(x + 0.01, y); // so that a single point is a dot
      context.stroke();
    }
  }

  /** The pixels that the networks see. */
  function look() {
    if (taken !== null && strokes.length === 0) return points.pixels(taken);
    const { data } = context.getImageData(0, 0, PAD, tall);
    if (coloured) return shrink(data, tall, width, height);
    const ink = Float32Array.from({ length: PAD * PAD }, (_, i) => data[4 * i + 3] / 255);
    return centre(ink, PAD, { width, height, box });
  }

  const update = oncePerFrame(() => {
    drawStrokes();
    const empty = taken === null && strokes.length === 0;
    resampling.disabled = empty;
    status.textContent = "";
    if (empty) {
      stage.drawn = null;
      if (stage.tab === "pad" && stage.pictured.kind === "draw") stage.fromSliders();
    } else {
      const image = look();
      const codes = models.map((model) => model.encode(image));
      const z = codes.map(({ mean, logvar }, m) =>
        mean.map((value, i) => (logvar.length ? value + noise[m][i] * Math.exp(logvar[i] / 2) : value)));
      stage.drawn = { image, codes, z };
      stage.picture({ kind: "draw", codes: z, say: () => "its reconstruction" });
      const [low, high] = stage.around;
      const lost = models.filter((_, m) => stage.panels.includes("map") &&
        stage.place(m, stage.dims.map((dim) => codes[m].mean[dim])).some((v) => v < low || v > high));
      const what = taken !== null && strokes.length === 0 ? points.describe(taken) : "";
      const outside = lost.map(({ name }) => `${name}: outside the map`);
      status.textContent = [what, ...outside].filter(Boolean).join("; ");
    }
    stage.tell("drawn");
    stage.tell("facts");
  });

  onStrokes(pad, {
    begin(place) {
      if (!coloured) taken = null;
      strokes.push({ color: coloured ? color.value : "#000", points: [place] });
      begin();
    },
    go(places) {
      strokes[strokes.length - 1]?.points.push(...places);
      update();
    },
  });
  stage.on("tab", () => stage.tab === "pad" && update());
  stage.atEnd(update.cancel);
  drawStrokes();
  return root;
}

/** A draw from N(0, 1). */
const normal = () =>
  Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

/** Averages of the pad's pixels, in whole steps of 1/255 like the data's.
    @param {Uint8ClampedArray} data @param {number} tall @param {number} width @param {number} height */
function shrink(data, tall, width, height) {
  const sums = new Float32Array(4 * width * height);
  for (let i = 0; i < PAD * tall; i++) {
    const x = Math.floor(((i % PAD) * width) / PAD);
    const y = Math.floor((Math.floor(i / PAD) * height) / tall);
    const o = 4 * (y * width + x);
    for (let colour = 0; colour < 3; colour++) sums[o + colour] += data[4 * i + colour];
    sums[o + 3] += 1;
  }
  return Float32Array.from({ length: 3 * width * height }, (_, i) => {
    const o = 4 * Math.floor(i / 3);
    return Math.round(sums[o + (i % 3)] / sums[o + 3]) / 255;
  });
}

/** @param {HTMLCanvasElement} pad
    @param {{begin: (place: number[]) => void, go: (places: number[][]) => void}} reports */
function onStrokes(pad, { begin, go }) {
  const place = (/** @type {PointerEvent} */ event) => {
    const area = pad.getBoundingClientRect();
    const scale = PAD / area.width;
    return [(event.clientX - area.left) * scale, (event.clientY - area.top) * scale];
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    pad.setPointerCapture(event.pointerId);
    begin(place(event));
  });
  pad.addEventListener("pointermove", (event) => {
    if (!event.isPrimary || !pad.hasPointerCapture(event.pointerId)) return;
    // A pen reports more often than the screen is drawn: take every place it has been.
    const between = event.getCoalescedEvents?.() ?? [];
    go((between.length ? between : [event]).map(place));
  });
}
