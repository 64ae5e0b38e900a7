// @ts-check
/* The map: codes of test images, the prior's circles, a handle at z, and behind them the grid. */

import { GRID_REACH } from "./grid.js";
import { makeMark, makeWay, toSquare } from "./marks.js";
import {
  draw, make, makeGrip, oncePerFrame, onArrows, onPointer, placeGrip, spoken, surface,
} from "./page.js";

const CANVAS = 640; // the map's pixels in each direction, at least two for each one on the screen
const TAP_RADIUS = 18; // how near to a ringed point a finger must come, in screen pixels

/** @typedef {ReturnType<typeof scale>} Scale */

/** Places on the map as fractions of its square.
    @param {number[]} around */
function scale([low, high]) {
  const across = (/** @type {number} */ value) => (value - low) / (high - low);
  return {
    left: across,
    top: (/** @type {number} */ value) => 1 - across(value),
    place: (/** @type {number[]} */ [x, y]) => [low + x * (high - low), high - y * (high - low)],
    unit: 1 / (high - low),
  };
}

/** The square with a model's map.
    @param {import("./stage.js").Stage} stage @param {number} m */
export function makeMap(stage, m) {
  const { models, around, dims, latentDim } = stage;
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const at = scale(around);
  const backdrop = makeBackdrop(stage, m, at);
  const canvas = make("canvas", { class: "points", width: CANVAS, height: CANVAS });
  const ring = make("div", { class: "ring", hidden: "" });
  const grip = makeGrip("handle", `z on the map of ${models[m].name}`, around);
  const svg = drawAxes(around, at, stage.place(m, dims.map(() => 0)), latentDim === 2);
  svg.append(makeWay(stage, m, at), makeMark(stage, m, at));
  const area = make("div", { class: "square map" }, backdrop, canvas, svg, ring, grip);

  const paint = oncePerFrame(() => paintPoints(stage, m, surface(canvas), at));
  const showHandle = () => {
    const [x, y] = stage.place(m, stage.z());
    placeGrip(grip, at.left(x), at.top(y), x, spoken(stage.z(), dims));
  };
  const showRing = () => {
    const image = stage.hovered ?? stage.chosen;
    ring.hidden = image === null;
    if (image === null) return;
    const [x, y] = pointPlace(m, image);
    ring.style.left = `${100 * at.left(x)}%`;
    ring.style.top = `${100 * at.top(y)}%`;
  };
  /** @param {number} of @param {number} i */
  function pointPlace(of, i) {
    return [points.places[of][2 * i], points.places[of][2 * i + 1]];
  }

  /** The marked point nearest to a place, and how far it is.
      @param {number[]} place @returns {[number, number]} */
  function nearest([x, y]) {
    let [best, least] = [points.marked[0], Infinity];
    for (const i of points.marked) {
      const [a, b] = pointPlace(m, i);
      const distance = Math.hypot(a - x, b - y);
      if (distance < least) [best, least] = [i, distance];
    }
    return [best, least];
  }

  /** The marked point that a pointer means, or null.
      @param {number[]} fractions @param {DOMRect} box */
  function meant(fractions, box) {
    if (stage.epoch !== stage.lastEpoch) return null; // those points are another epoch's
    const [i, distance] = nearest(at.place(fractions));
    return distance * at.unit * box.width <= TAP_RADIUS ? i : null;
  }
  /** @param {number | null} image */
  function hover(image) {
    if (stage.hovered === image) return;
    stage.hovered = image;
    stage.tell("facts");
  }
  /** @param {number} image */
  function jump(image) {
    stage.chosen = image;
    stage.tell("facts");
    const code = points.code(m, image);
    stage.moveTo(dims.map((dim) => code[dim]));
  }

  onPointer(area, grip, {
    drag: (place) => stage.moveTo(stage.fromPlace(m, at.place(place))),
    tap(place, box) {
      const image = meant(place, box);
      if (image === null) stage.moveTo(stage.fromPlace(m, at.place(place)));
      else jump(image);
    },
    hover: (place, box) => hover(place && meant(place, box)),
  });
  onArrows(grip, ([right, up]) => {
    const [x, y] = stage.place(m, stage.z());
    stage.moveTo(stage.fromPlace(m, [x + 0.1 * right, y + 0.1 * up]));
  });
  grip.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || stage.epoch !== stage.lastEpoch) return;
    jump(nearest(stage.place(m, stage.z()))[0]);
  });

  stage.on("z", showHandle);
  stage.on("facts", showRing);
  for (const what of ["epoch", "emphasis"]) stage.on(what, paint);
  stage.on("epoch", showRing);
  stage.atEnd(paint.cancel);
  showHandle();
  paint();
  return area;
}

/** @param {import("./stage.js").Stage} stage @param {number} m
    @param {CanvasRenderingContext2D} context @param {Scale} at */
function paintPoints(stage, m, context, at) {
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const { classes, colors } = points;
  const isLast = stage.epoch === stage.lastEpoch;
  const places = placesNow(stage, m);
  context.clearRect(0, 0, CANVAS, CANVAS);
  context.strokeStyle = "#000";
  classes.forEach((k, i) => {
    // Only the last epoch's points can be tapped, so only they have rings.
    const tappable = isLast && points.isMarked(i);
    const [x, y] = [CANVAS * at.left(places[2 * i]), CANVAS * at.top(places[2 * i + 1])];
    context.globalAlpha = stage.emphasis === null || stage.emphasis === k ? 0.85 : 0.08;
    context.fillStyle = colors[k % colors.length];
    context.beginPath();
    context.arc(x, y, tappable ? 7 : 4, 0, 2 * Math.PI);
    context.fill();
    if (tappable) context.stroke();
  });
}

/** Where the points lie at the epoch shown, x and y in turn.
    @param {import("./stage.js").Stage} stage @param {number} m */
function placesNow({ points, epoch, lastEpoch }, m) {
  const { places, earlier, classes } = /** @type {import("./stage.js").Points} */ (points);
  if (epoch === lastEpoch) return places[m];
  return earlier[m].subarray(2 * classes.length * epoch, 2 * classes.length * (epoch + 1));
}

/** How many of them lie outside a model's map.
    @param {import("./stage.js").Stage} stage @param {number} m */
export function countOutside(stage, m) {
  const [low, high] = stage.around;
  const places = placesNow(stage, m);
  let outside = 0;
  for (let i = 0; i < places.length; i += 2) {
    outside += Number(Math.min(places[i], places[i + 1]) < low || Math.max(places[i], places[i + 1]) > high);
  }
  return outside;
}

/** The decoded grid, faint, where it belongs on the map.
    @param {import("./stage.js").Stage} stage @param {number} m @param {Scale} at */
function makeBackdrop(stage, m, at) {
  const grid = stage.grids[m];
  const canvas = make("canvas", { class: "backdrop", width: grid.width, height: grid.height });
  canvas.style.left = `${100 * at.left(-GRID_REACH)}%`;
  canvas.style.top = `${100 * at.top(GRID_REACH)}%`;
  canvas.style.width = canvas.style.height = `${200 * GRID_REACH * at.unit}%`;
  const paint = oncePerFrame(() => surface(canvas).drawImage(grid, 0, 0));
  const show = () => canvas.classList.toggle("away", !stage.backdrop);
  stage.on("grids", paint);
  stage.on("print", paint.now); // a frame would come too late
  stage.on("backdrop", show);
  stage.atEnd(paint.cancel);
  return canvas;
}

/** The prior's circles around its middle, the axes through it and the numbers at their ends.
    @param {number[]} around @param {Scale} at @param {number[]} middle
    @param {boolean} whole whether the map's axes are z's own */
function drawAxes([low, high], at, middle, whole) {
  const svg = draw("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" });
  const axes = draw("g", { class: "axes" });
  svg.append(axes);
  const [x, y] = toSquare(middle, at);
  axes.append(
    draw("line", { x1: 0, x2: 100, y1: y, y2: y }),
    draw("line", { y1: 0, y2: 100, x1: x, x2: x }),
  );
  for (const sigmas of [1, 2]) {
    const r = 100 * sigmas * at.unit;
    axes.append(draw("circle", { cx: x, cy: y, r }));
    axes.append(draw("text", { x: x + 1, y: y - r - 1 }, `${sigmas}σ`));
  }
  const [across, up] = whole ? ["z₁", "z₂"] : ["1st direction", "2nd direction"];
  axes.append(
    draw("text", { x: 1.5, y: 5 }, `${up} ${high}`),
    draw("text", { x: 1.5, y: 98 }, String(low).replace("-", "−")),
    draw("text", { x: 98.5, y: 98, "text-anchor": "end" }, `${across} ${high}`),
  );
  return svg;
}
