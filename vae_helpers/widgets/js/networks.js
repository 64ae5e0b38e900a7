// @ts-check
/* Networks: numbers in, numbers out. Python's `describe` packs them, here they run, in an engine's one
   long array, in which everything has its place: kernels, biases and what each layer gives. */

import { roundUp } from "./engine.js";

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
    @param {Description} description @param {import("./engine.js").Engine} engine
    @param {(length: number) => number} take */
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
