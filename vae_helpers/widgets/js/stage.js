// @ts-check
/* The stage: what the parts of one explorer know of each other. Sliders, strip, map, grid, walk and
   pad read and change it, and hear of changes from it; none knows another. */

import { fromHalf } from "./networks.js";
import { openModels } from "./models.js";

/**
 * @typedef {object} State what Python says about an explorer (state.py)
 * @property {import("./models.js").ModelFacts[]} models
 * @property {any} points
 * @property {string[]} panels
 * @property {number[]} dims the dimensions that have sliders
 * @property {number} latent_dim
 * @property {number} low
 * @property {number} high
 * @property {number} step
 * @property {number[]} around the map's range
 *
 * @typedef {{read: () => number[], write: (z: number[]) => void}} Store where z is kept
 *
 * @typedef {object} Pictured what the strip's pictures are decoded from
 * @property {"z" | "walk" | "draw"} kind
 * @property {number[][]} codes each model's own, of all dimensions; unless kind is "z"
 * @property {(m: number) => string} say what a model's picture then is
 * @property {number} [position] on the walk
 *
 * @typedef {{image: ArrayLike<number>, codes: import("./models.js").Code[], z: number[][]}} Drawn
 * @typedef {ReturnType<typeof openStage>} Stage
 * @typedef {NonNullable<ReturnType<typeof openPoints>>} Points
 */

/** The test images that Python packed (points.py): their classes, each model's codes of the marked
    ones, and those images.
    @param {any} packed */
function openPoints(packed) {
  if (!packed.labels) return null;
  const { labels, marked, images, codes, places = [], class_names: names, colors } = packed;
  const classes = Array.from({ length: labels.byteLength / 2 }, (_, i) => labels.getUint16(2 * i, true));
  const all = codes.map(fromHalf);
  const dim = all[0].length / marked.length;
  const size = images.byteLength / marked.length;
  /** @type {Map<number, number>} */
  const order = new Map(marked.map((/** @type {number} */ i, /** @type {number} */ k) => [i, k]));
  return {
    classes, colors: /** @type {string[]} */ (colors), names: /** @type {string[]} */ (names),
    marked: /** @type {number[]} */ (marked), ink: packed.ink,
    epochs: /** @type {number[]} */ (packed.epochs ?? []),
    places: /** @type {Float32Array[]} */ (places.map(fromHalf)),
    earlier: /** @type {Float32Array[]} */ ((packed.earlier ?? []).map(fromHalf)),
    isMarked: (/** @type {number} */ i) => order.has(i),
    code(/** @type {number} */ m, /** @type {number} */ i) {
      const start = dim * /** @type {number} */ (order.get(i));
      return Array.from(/** @type {Float32Array} */ (all[m]).subarray(start, start + dim));
    },
    pixels(/** @type {number} */ i) {
      const start = size * /** @type {number} */ (order.get(i));
      return Float32Array.from({ length: size }, (_, p) => images.getUint8(start + p) / 255);
    },
    describe: (/** @type {number} */ i) =>
      names.length ? `${names[classes[i]]} (test image ${i})` : `test image ${i}`,
  };
}

/** @param {State} state @param {Store} store @param {{plain?: boolean}} [options] */
export function openStage(state, store, options) {
  const { panels, dims, low, high, step, around, latent_dim: latentDim } = state;
  const models = openModels(state.models, dims, options);
  const points = openPoints(state.points ?? {});
  /** @type {Map<string, Set<() => void>>} */
  const listeners = new Map();
  /** @type {(() => void)[]} */
  const ends = [];
  /** @type {Pictured} */
  const fromSliders = { kind: "z", codes: [], say: () => "" };
  const lastEpoch = points ? points.epochs.length - 1 : -1;

  const stage = {
    models, points, panels, dims, low, high, around, latentDim, lastEpoch,
    held: state.models.some(({ mean }) => mean !== undefined), // dimensions without sliders, at their mean
    tab: panels[0] ?? "",
    epoch: lastEpoch, // its position among the epochs
    pictured: fromSliders,
    /** @type {Drawn | null} */
    drawn: null,
    /** @type {number | null} the test image that was chosen, and the one that is pointed at */
    chosen: null,
    /** @type {number | null} */
    hovered: null,
    /** @type {number | null} the class picked in the legend */
    emphasis: null,
    backdrop: true,
    /** @type {{from: number, to: number, position: number} | null} */
    walk: null,
    /** @type {HTMLCanvasElement[]} each model's decoded grid, as far as it is */
    grids: [],

    z: store.read,
    /** Move z, in the sliders' own steps: what they show is exactly what is decoded.
        @param {number[]} z */
    moveTo(z) {
      store.write(z.map((value) => {
        const inside = Math.min(Math.max(value, low), high);
        return Number((Math.round(inside / step) * step).toFixed(2));
      }));
    },
    zHasMoved() {
      stage.picture(fromSliders);
      stage.tell("z");
    },
    /** @param {Pictured} pictured */
    picture(pictured) {
      stage.pictured = pictured;
      stage.tell("pictures");
    },
    fromSliders: () => stage.picture(fromSliders),

    /** Where z is on a model's map: z itself, or with more dimensions its shadow on the map's plane.
        @param {number} m @param {number[]} z */
    place(m, z) {
      const { plane } = models[m];
      if (!plane) return z;
      return plane.axes.map((axis) =>
        axis.reduce((sum, part, i) => sum + part * (z[i] - plane.origin[i]), 0));
    },
    /** The z nearest to the present one that lies there on a model's map.
        @param {number} m @param {number[]} place */
    fromPlace(m, place) {
      const { plane } = models[m];
      if (!plane) return place;
      const z = store.read();
      const now = stage.place(m, z);
      return z.map((value, i) =>
        plane.axes.reduce((sum, axis, k) => sum + axis[i] * (place[k] - now[k]), value));
    },
    /** The code of all dimensions in the map's plane itself.
        @param {number} m @param {number[]} place */
    codeAt(m, place) {
      const { plane, complete } = models[m];
      if (!plane) return complete(place);
      return complete(plane.origin.map((value, i) =>
        plane.axes.reduce((sum, axis, k) => sum + axis[i] * place[k], value)));
    },

    /** @param {string} tab */
    open(tab) {
      stage.tab = tab;
      // Walk and pad have the trained networks' codes.
      if (tab === "walk" || tab === "pad") stage.setEpoch(lastEpoch);
      stage.tell("tab");
    },
    /** @param {number} epoch */
    setEpoch(epoch) {
      if (epoch === stage.epoch) return;
      stage.epoch = epoch;
      for (const model of models) model.setEpoch(epoch);
      stage.chosen = stage.hovered = null;
      stage.tell("epoch");
      stage.tell("pictures");
    },

    /** @param {string} what @param {() => void} listener */
    on(what, listener) {
      if (!listeners.has(what)) listeners.set(what, new Set());
      listeners.get(what)?.add(listener);
    },
    /** @param {string} what */
    tell(what) {
      for (const listener of listeners.get(what) ?? []) listener();
    },
    /** @param {() => void} end what is to be done when the explorer goes */
    atEnd: (end) => void ends.push(end),
    close: () => ends.forEach((end) => end()),
  };
  return stage;
}
