// @ts-check
/* Networks: numbers in, numbers out. Python's `describe` packs them, here they run, in WebAssembly
   where the browser has it (kernels.wat), else in plain JavaScript. Both work on one long array of
   float32 in which everything has its place: kernels, biases and what each layer gives. */

import { KERNELS } from "./kernels.js";

/**
 * @typedef {object} Layer what `describe` says about a layer
 * @property {string} kind
 * @property {number[]} input sizes, without the batch's
 * @property {number[]} output
 * @property {string} [activation]
 * @property {number} [slope] of a leaky ReLU
 * @property {number[]} [kernel] height and width
 * @property {number[]} [strides]
 * @property {number[]} [padding] how far the first kernel hangs over the top and the left edge
 * @property {boolean} [mean] of a pool: averages rather than maxima
 *
 * @typedef {{layers: Layer[], input: number[], output: number[], weights: DataView}} Description
 * @typedef {{floats: Float32Array, fast: boolean, layer: Function, relu: Function}} Engine
 */

/** float16 bytes, as NumPy writes them, to float32.
    @param {DataView} bytes @returns {Float32Array} */
export function fromHalf(bytes) {
  const numbers = new Float32Array(bytes.byteLength / 2);
  const bits = new Uint32Array(numbers.buffer);
  for (let i = 0; i < numbers.length; i++) {
    const half = bytes.getUint16(2 * i, true);
    const sign = (half & 0x8000) << 16;
    // Numbers too small for a leading 1 are few; the others' bits only move.
    if (half & 0x7c00) bits[i] = sign | (((half & 0x7fff) << 13) + 0x38000000);
    else numbers[i] = (sign ? -1 : 1) * (half & 1023) * 2 ** -24;
  }
  return numbers;
}

/** @param {number[]} shape */
export const count = (shape) => shape.reduce((product, size) => product * size, 1);

/** @type {Record<string, (x: number, slope: number) => number>} */
export const activations = {
  linear: (x) => x,
  relu: (x) => (x > 0 ? x : 0),
  leaky_relu: (x, slope) => (x > 0 ? x : slope * x),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
};

// ---- Engines -------------------------------------------------------------------------------------

const roundUp = (/** @type {number} */ size) => (size + 3) & ~3;

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

// ---- Layers --------------------------------------------------------------------------------------

/** A layer with a kernel, as `layer` wants it: Dense is one pixel below a kernel of one cell.
    @param {Layer} facts */
function geometry({ kind, input, output, kernel = [1, 1], strides = [1, 1], padding = [0, 0] }) {
  const [height, width, channels] = kind === "dense" ? [1, 1, input[0]] : input;
  const [rows, columns, filters] = kind === "dense" ? [1, 1, output[0]] : output;
  const before = [height, width, channels];
  const between = [...kernel, ...strides, ...padding];
  return { before, between, after: [rows, columns, filters], channels, filters, cells: count(kernel) };
}

/** How many numbers a layer's weights are, as Python packs them and in the engine.
    @param {Layer} facts */
function sizes(facts) {
  const channels = facts.output[facts.output.length - 1];
  if (facts.kind === "scale") return { packed: 2 * channels, held: roundUp(2 * channels) };
  if (facts.kind in simple) return { packed: 0, held: 0 };
  const { channels: inputs, filters, cells } = geometry(facts);
  const padded = filters < 4 ? filters * roundUp(inputs) : inputs * roundUp(filters);
  return { packed: cells * inputs * filters + filters, held: roundUp(cells * padded) + roundUp(filters) };
}

/** The numbers that an engine must hold to run this network.
    @param {Description} description */
export function roomFor({ layers, input }) {
  const shapes = [input, ...layers.map(({ output }) => output)];
  const held = layers.reduce((sum, facts) => sum + sizes(facts).held, 0);
  const between = shapes.reduce((sum, shape) => sum + roundUp(count(shape)) + 4, 0);
  const list = 2 * Math.max(...layers.map(({ input: from }) => count(from)));
  return held + between + list + 64;
}

/** Hands out an engine's room from its beginning to its end. */
export function openShelf() {
  let next = 0;
  return (/** @type {number} */ length) => {
    const start = next;
    next += roundUp(length) + 4; // what is done four at a time may reach a little beyond the end
    return start;
  };
}

/** What has no kernel of weights, in JavaScript: a small part of the work.
    @type {Record<string,
      (facts: Layer, from: Float32Array, to: Float32Array, weights: Float32Array) => void>} */
const simple = {
  activation: (_, from, to) => to.set(from),

  scale({ output }, from, to, weights) {
    const channels = output[output.length - 1];
    for (let i = 0; i < to.length; i++) {
      const channel = i % channels;
      to[i] = from[i] * weights[channel] + weights[channels + channel];
    }
  },

  upsample({ input: [, width, channels], output: [rows, columns], strides: [down, right] = [] }, from, to) {
    for (let row = 0, o = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const pixel = (Math.floor(row / down) * width + Math.floor(column / right)) * channels;
        for (let channel = 0; channel < channels; channel++) to[o++] = from[pixel + channel];
      }
    }
  },

  pool({ input, output, kernel = [], strides = [], padding = [], mean }, from, to) {
    const [height, width, channels] = input;
    const columns = output.length > 1 ? output[1] : 1;
    for (let o = 0; o < to.length; o++) {
      const [channel, pixel] = [o % channels, Math.floor(o / channels)];
      const top = Math.floor(pixel / columns) * strides[0] - padding[0];
      const left = (pixel % columns) * strides[1] - padding[1];
      let [sum, most, n] = [0, -Infinity, 0];
      for (let r = Math.max(top, 0); r < Math.min(top + kernel[0], height); r++) {
        for (let c = Math.max(left, 0); c < Math.min(left + kernel[1], width); c++) {
          const value = from[(r * width + c) * channels + channel];
          sum += value;
          most = Math.max(most, value);
          n += 1;
        }
      }
      to[o] = mean ? sum / n : most;
    }
  },
};

/** A network in its place: run(numbers) gives its output, the same array each time, filled anew.
    @param {Description} description @param {Engine} engine @param {(length: number) => number} take */
export function network({ layers: chain, input, weights }, engine, take) {
  const { floats } = engine;
  const start = take(count(input));
  const list = take(2 * Math.max(...chain.map(({ input: from }) => count(from))));
  let from = start;
  const ready = chain.map((facts) => {
    const { packed, held } = sizes(facts);
    const place = { facts, packed, from, weights: take(held), out: take(count(facts.output)) };
    from = place.out;
    return { ...place, size: count(facts.output), biases: new Float32Array(count(facts.output)) };
  });

  /** @param {DataView} bytes */
  function setWeights(bytes) {
    const numbers = fromHalf(bytes);
    let next = 0;
    for (const { facts, packed, weights: place, biases } of ready) {
      const own = numbers.subarray(next, (next += packed));
      if (facts.kind === "scale") floats.set(own, place);
      else if (packed) {
        const { channels, filters, cells } = geometry(facts);
        const few = filters < 4;
        const step = roundUp(few ? channels : filters);
        for (let cell = 0, i = 0; cell < cells; cell++) {
          for (let channel = 0; channel < channels; channel++) {
            for (let filter = 0; filter < filters; filter++) {
              const [outer, inner] = few ? [filter, channel] : [channel, filter];
              floats[place + (cell * (few ? filters : channels) + outer) * step + inner] = own[i++];
            }
          }
        }
        const bias = own.subarray(own.length - filters);
        for (let i = 0; i < biases.length; i++) biases[i] = bias[i % filters];
      }
    }
  }
  setWeights(weights);

  /** @param {ArrayLike<number>} numbers */
  function run(numbers) {
    floats.set(numbers, start);
    let out = floats.subarray(start, start + numbers.length);
    for (const { facts, from: before, weights: place, out: at, size, biases } of ready) {
      const given = out;
      out = floats.subarray(at, at + size);
      const { activation = "linear", slope = 0, kind } = facts;
      if (kind in simple) simple[kind](facts, given, out, floats.subarray(place));
      else {
        const { before: shape, between, after } = geometry(facts);
        out.set(biases);
        engine.layer(4 * before, ...shape, 4 * place, ...between, 4 * at, ...after,
          kind === "conv2d" ? 0 : 1, 4 * list);
      }
      if (activation === "relu") engine.relu(4 * at, 4 * (at + size));
      else if (activation !== "linear") {
        for (let i = 0; i < size; i++) out[i] = activations[activation](out[i], slope);
      }
    }
    return out;
  }
  return { run, setWeights };
}
