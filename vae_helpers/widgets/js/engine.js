// @ts-check
/* Engines: one long array of float32, and the work of a layer done in it, in WebAssembly where the
   browser has it (kernels.wat), else in plain JavaScript. */

import { KERNELS } from "./kernels.js";

/** @typedef {{floats: Float32Array, fast: boolean, layer: Function, relu: Function}} Engine */

export const roundUp = (/** @type {number} */ size) => (size + 3) & ~3;

/** Room for `length` numbers, and what is done there. Without WebAssembly, or where a page forbids it,
    the same in JavaScript.
    @param {number} length @param {{plain?: boolean}} [options] @returns {Engine} */
export function openEngine(length, { plain = false } = {}) {
  if (!plain) {
    try {
      const bytes = Uint8Array.from(atob(KERNELS), (letter) => letter.charCodeAt(0));
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
      const { memory, layer, relu } = /** @type {any} */ (exports);
      memory.grow(Math.max(Math.ceil((4 * length) / 65536) - 1, 0));
      const floats = new Float32Array(memory.buffer);
      return { floats, fast: true, layer, relu };
    } catch {
      // An old browser, or a page's policy: slower, but the same.
    }
  }
  const floats = new Float32Array(length);
  const relu = (/** @type {number} */ from, /** @type {number} */ to) => {
    for (let i = from / 4; i < to / 4; i++) if (floats[i] < 0) floats[i] = 0;
  };
  return { floats, fast: false, layer: plainLayer(floats), relu };
}

/** What `layer` in kernels.wat does, with the same arguments; addresses are in bytes there.
    @param {Float32Array} floats */
function plainLayer(floats) {
  return (
    /** @type {number} */ start, /** @type {number} */ height, /** @type {number} */ width,
    /** @type {number} */ channels, /** @type {number} */ kernel, /** @type {number} */ tall,
    /** @type {number} */ wide, /** @type {number} */ down, /** @type {number} */ right,
    /** @type {number} */ top, /** @type {number} */ left, /** @type {number} */ out,
    /** @type {number} */ rows, /** @type {number} */ columns, /** @type {number} */ filters,
    /** @type {number} */ stretch, /** @type {number} */ list,
  ) => {
    const found = new Int32Array(floats.buffer, list, channels);
    const step = roundUp(filters < 4 ? channels : filters);
    const cellSize = step * (filters < 4 ? filters : channels);
    for (let r = 0; r < height; r++) {
      for (let c = 0; c < width; c++) {
        const pixel = start / 4 + (r * width + c) * channels;
        // Zeros, about half after a ReLU, are left out.
        let n = 0;
        for (let i = 0; i < channels; i++) if (floats[pixel + i] !== 0) found[n++] = i;
        if (n === 0) continue;
        for (let y = 0; y < tall; y++) {
          const row = stretch ? r * down + y - top : (r + top - y) / down;
          if (row < 0 || row >= rows || row !== Math.trunc(row)) continue;
          for (let x = 0; x < wide; x++) {
            const column = stretch ? c * right + x - left : (c + left - x) / right;
            if (column < 0 || column >= columns || column !== Math.trunc(column)) continue;
            const cell = kernel / 4 + (y * wide + x) * cellSize;
            const o = out / 4 + (row * columns + column) * filters;
            if (filters < 4) addFew(floats, found, n, pixel, cell, o, filters, step);
            else addMany(floats, found, n, pixel, cell, o, filters, step);
          }
        }
      }
    }
  };
}

/** @param {Float32Array} floats @param {Int32Array} found @param {number} n @param {number} pixel
    @param {number} cell @param {number} o @param {number} filters @param {number} step */
function addFew(floats, found, n, pixel, cell, o, filters, step) {
  for (let f = 0; f < filters; f++) {
    let sum = 0;
    for (let m = 0; m < n; m++) sum += floats[pixel + found[m]] * floats[cell + f * step + found[m]];
    floats[o + f] += sum;
  }
}

/** Four channels at once, because reading and writing the output costs as much as the products do.
    @param {Float32Array} floats @param {Int32Array} found @param {number} n @param {number} pixel
    @param {number} cell @param {number} o @param {number} filters @param {number} step */
function addMany(floats, found, n, pixel, cell, o, filters, step) {
  let m = 0;
  for (; m + 4 <= n; m += 4) {
    const [a, b, c, d] = [found[m], found[m + 1], found[m + 2], found[m + 3]];
    const [va, vb, vc, vd] = [floats[pixel + a], floats[pixel + b], floats[pixel + c], floats[pixel + d]];
    const [ka, kb, kc, kd] = [cell + a * step, cell + b * step, cell + c * step, cell + d * step];
    for (let f = 0; f < filters; f++) {
      floats[o + f] +=
        va * floats[ka + f] + vb * floats[kb + f] + vc * floats[kc + f] + vd * floats[kd + f];
    }
  }
  for (; m < n; m++) {
    const value = floats[pixel + found[m]];
    const k = cell + found[m] * step;
    for (let f = 0; f < filters; f++) floats[o + f] += value * floats[k + f];
  }
}
