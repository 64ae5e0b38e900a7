// @ts-check
/* The grid: 16 × 16 images decoded over [−4, 4]², by itself with a frame at z, and behind the map. */

import {
  finishJobs, inSlices, make, makeGrip, makePicture, onArrows, onPointer, placeGrip, spoken, surface, toImage,
} from "./page.js";

const SIDE = 16; // images in each direction
const EDGE = 4; // the grid's first and last images lie at −4 and 4, as in the 2018 tutorial
const GRID = Array.from({ length: SIDE }, (_, i) => -EDGE + (2 * EDGE * i) / (SIDE - 1));
const toCell = (/** @type {number} */ value) => Math.round(((value + EDGE) / (2 * EDGE)) * (SIDE - 1));
const inside = (/** @type {number} */ cell) => Math.min(Math.max(cell, 0), SIDE - 1);
/** Half an image beyond the first and the last: what the whole grid covers. */
export const GRID_REACH = EDGE * (SIDE / (SIDE - 1));

/** Each model's grid is decoded once it is looked at, a few images at a time, and anew when its
    decoder changes. Returns need(m), to be called by who shows it.
    @param {import("./stage.js").Stage} stage */
export function openGrids(stage) {
  const { models } = stage;
  stage.grids = models.map((model) => {
    const { width, height, name } = model;
    const label = `${name}: ${SIDE} × ${SIDE} decoded images`;
    return makePicture({ width: SIDE * width, height: SIDE * height }, label);
  });
  const begun = models.map(() => false);
  /** @type {(() => void)[]} */
  const stops = models.map(() => () => {});

  /** @param {number} m */
  function fill(m) {
    stops[m]();
    const { width, height, decode } = models[m];
    const canvas = stage.grids[m];
    const context = surface(canvas);
    let next = 0;
    canvas.dataset.done = "0";
    stops[m] = inSlices(() => {
      const column = next % SIDE;
      const row = Math.floor(next / SIDE);
      const pixels = decode(stage.codeAt(m, [GRID[column], GRID[SIDE - 1 - row]]));
      context.putImageData(toImage(pixels, width, height), column * width, row * height);
      next += 1;
      canvas.dataset.done = String(next);
      if (next % (2 * SIDE) === 0) stage.tell("grids");
      return next < SIDE * SIDE;
    });
  }

  stage.on("epoch", () => models.forEach((model, m) => begun[m] && model.unfolds && fill(m)));
  const need = (/** @type {number} */ m) => {
    if (begun[m]) return;
    begun[m] = true;
    fill(m);
  };
  // Paper does not wait.
  const printing = () => {
    models.forEach((_, m) => need(m));
    finishJobs();
    stage.tell("print");
  };
  addEventListener("beforeprint", printing);
  stage.atEnd(() => {
    removeEventListener("beforeprint", printing);
    stops.forEach((stop) => stop());
  });
  return need;
}

/** The square with a model's grid alone.
    @param {import("./stage.js").Stage} stage @param {number} m */
export function makeGrid(stage, m) {
  const { models, low, high, dims } = stage;
  const grip = makeGrip("frame", `z on the grid of ${models[m].name}`, [low, high]);
  const area = make("div", { class: "square grid" }, stage.grids[m], grip);
  const goTo = (/** @type {number} */ column, /** @type {number} */ row) =>
    stage.moveTo([GRID[inside(column)], GRID[inside(row)]]);
  const point = (/** @type {number[]} */ [x, y]) => goTo(Math.floor(x * SIDE), Math.floor((1 - y) * SIDE));
  onPointer(area, grip, { drag: point, tap: point });
  onArrows(grip, ([right, up]) => {
    const [column, row] = stage.z().map(toCell);
    goTo(column + right, row + up);
  });

  const show = () => {
    const z = stage.z();
    const [column, row] = z.map(toCell);
    grip.classList.toggle("outside", column !== inside(column) || row !== inside(row));
    placeGrip(grip, inside(column) / SIDE, (SIDE - 1 - inside(row)) / SIDE, z[0], spoken(z, dims));
  };
  stage.on("z", show);
  show();
  return area;
}
