// @ts-check
/* Models as the explorer's parts use them: codes to pictures, pictures to codes, and the terms of
   their losses as numbers. */

import { openEngine } from "./engine.js";
import { activations, count, network, openShelf, roomFor } from "./networks.js";

/**
 * @typedef {import("./networks.js").Description} Description
 *
 * @typedef {object} ModelFacts what Python says about a model
 * @property {string} name
 * @property {Description} decoder
 * @property {Description} [encoder]
 * @property {string} output the model's decoder_output
 * @property {boolean} normal whether its prior is N(0, I)
 * @property {number[]} [mean] of its codes: what the dimensions without a slider are held at
 * @property {{origin: number[], axes: number[][]}} [plane] of the map, where there are more than two
 * @property {DataView[]} [earlier] the decoder's weights at all epochs but the last
 *
 * @typedef {{mean: number[], logvar: number[]}} Code
 * @typedef {ReturnType<typeof openModel>} Model
 */

/** What is still to be done to a decoder's output, by its model's decoder_output: a decoder of logits
    leaves the sigmoid to its loss; a continuous Bernoulli's picture is the distribution's mean.
    @type {Record<string, (value: number) => number>} */
const toPixel = {
  pixels: (value) => value,
  logits: (value) => 1 / (1 + Math.exp(-value)),
  continuous_logits: (logit) =>
    Math.abs(logit) < 0.1
      ? 0.5 + logit / 12 - logit ** 3 / 720
      : 1 / (1 - Math.exp(-logit)) - 1 / logit,
};

/** All models, in one engine.
    @param {ModelFacts[]} all @param {number[]} dims the dimensions that have sliders
    @param {{plain?: boolean}} [options] */
export function openModels(all, dims, options) {
  const networks = all.flatMap(({ decoder, encoder }) => (encoder ? [decoder, encoder] : [decoder]));
  const engine = openEngine(networks.reduce((sum, each) => sum + roomFor(each), 0), options);
  const take = openShelf();
  return all.map((facts) => openModel(facts, dims, engine, take));
}

/** @param {ModelFacts} facts @param {number[]} dims @param {import("./engine.js").Engine} engine
    @param {(length: number) => number} take */
function openModel(facts, dims, engine, take) {
  const { name, decoder, encoder, output, plane, earlier } = facts;
  const [height, width, channels] = decoder.output;
  const latentDim = decoder.input[0];
  const forward = network(decoder, engine, take);
  const image = new Float32Array(height * width * channels);
  const pixel = toPixel[output];
  const encoding = encoder && network(encoder, engine, take);
  const spreads = Boolean(encoder) && count(/** @type {Description} */ (encoder).output) > latentDim;

  /** Pixels in 0 … 1 at a code of all dimensions; the same array each time. */
  function decode(/** @type {ArrayLike<number>} */ code) {
    const given = forward.run(code);
    for (let i = 0; i < image.length; i++) image[i] = pixel(given[i]);
    return image;
  }

  /** The code of all dimensions for the sliders' numbers: the others stand at their mean. */
  function complete(/** @type {number[]} */ z) {
    const code = facts.mean ? [...facts.mean] : new Array(latentDim).fill(0);
    dims.forEach((dim, i) => (code[dim] = z[i]));
    return code;
  }

  /** @returns {Code} */
  function encode(/** @type {ArrayLike<number>} */ pixels) {
    const numbers = Array.from(/** @type {NonNullable<typeof encoding>} */ (encoding).run(pixels));
    // After the means come the log-variances of q(z|x), or nothing where the encoder is deterministic.
    return { mean: numbers.slice(0, latentDim), logvar: numbers.slice(latentDim) };
  }

  /** The terms of the loss for one picture x and one code z, under the names that training has for
      them; nats, or squared error as a mean over pixels.
      @param {ArrayLike<number>} x @param {number[]} z @param {Code} code
      @returns {[string, number][]} */
  function terms(x, z, code) {
    const given = forward.run(z);
    const sum = (/** @type {(i: number) => number} */ term) => {
      let total = 0;
      for (let i = 0; i < x.length; i++) total += term(i);
      return total;
    };
    /** @type {[string, number][]} */
    const found = [];
    if (output === "pixels") {
      found.push(["squared error", sum((i) => (x[i] - given[i]) ** 2) / x.length]);
    } else {
      const normaliser = output === "logits" ? () => 0 : logNormaliser;
      const loss = (/** @type {number} */ i) =>
        activations.softplus(given[i], 0) - x[i] * given[i] - normaliser(given[i]);
      found.push(["reconstruction", sum(loss)]);
    }
    if (!spreads) return found;
    const { mean, logvar } = code;
    const ownLoglik = normalLoglik(z, mean, logvar);
    if (facts.normal) {
      const zeros = mean.map(() => 0);
      const kl = mean.reduce((total, m, i) => total + m ** 2 + Math.exp(logvar[i]) - 1 - logvar[i], 0) / 2;
      found.push(["log p(z)", normalLoglik(z, zeros, zeros)], ["log q(z|x)", ownLoglik], ["KL", kl]);
    } else found.push(["log q(z|x)", ownLoglik]);
    return found;
  }

  /** @param {number} epoch its position among the epochs; the last is the model's own */
  const setEpoch = (epoch) => earlier && forward.setWeights(earlier[epoch] ?? decoder.weights);

  return {
    name, height, width, channels, latentDim, spreads, plane, unfolds: Boolean(earlier),
    fast: engine.fast, decode, complete, encode, terms, setEpoch,
  };
}

/** log N(z; mean, exp(logvar)), summed over dimensions.
    @param {number[]} z @param {number[]} mean @param {number[]} logvar */
function normalLoglik(z, mean, logvar) {
  return z.reduce((total, value, i) =>
    total - (Math.log(2 * Math.PI) + logvar[i] + (value - mean[i]) ** 2 * Math.exp(-logvar[i])) / 2, 0);
}

/** log of a continuous Bernoulli's normalising constant, which is η / tanh(η/2).
    @param {number} logit */
function logNormaliser(logit) {
  if (Math.abs(logit) < 0.01) return Math.LN2 + logit ** 2 / 12;
  return Math.log(Math.abs(logit) / Math.tanh(Math.abs(logit) / 2));
}
