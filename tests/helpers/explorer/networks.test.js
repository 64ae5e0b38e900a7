/* node --test: half floats, and what the two engines share. Python compares networks with Keras. */
import assert from "node:assert/strict";
import test from "node:test";

import { openEngine } from "../../../vae_helpers/widgets/js/engine.js";
import { openModels } from "../../../vae_helpers/widgets/js/models.js";
import {
  fromHalf, network, openShelf, roomFor,
} from "../../../vae_helpers/widgets/js/networks.js";

/** The bytes of float16 numbers, by the definition of the format. */
function toHalf(numbers) {
  const bytes = new DataView(new ArrayBuffer(2 * numbers.length));
  numbers.forEach((number, i) => {
    const sign = number < 0 || Object.is(number, -0) ? 0x8000 : 0;
    const size = Math.abs(number);
    const exponent = Math.max(Math.floor(Math.log2(size)), -14);
    const half = size < 2 ** -14
      ? Math.round(size / 2 ** -24)
      : ((exponent + 15) << 10) + Math.round((size / 2 ** exponent - 1) * 1024);
    bytes.setUint16(2 * i, sign | half, true);
  });
  return bytes;
}

test("half floats are read to the last bit", () => {
  const numbers = [0, 1, -1, 0.5, 1 / 3, 65504, -65504, 2 ** -14, 2 ** -24, -(2 ** -20), 1023 * 2 ** -24];
  const expected = numbers.map((number) => (number === 1 / 3 ? 1365 * 2 ** -12 : number));
  assert.deepEqual([...fromHalf(toHalf(numbers))], expected);
});

const dense = {
  layers: [{ kind: "dense", input: [2], output: [3], strides: [1, 1], activation: "relu" }],
  input: [2], output: [3], weights: toHalf([1, 2, 3, 4, 5, 6, 0.5, -100, 0]),
};

for (const plain of [false, true]) {
  test(`a layer by hand, ${plain ? "plain" : "in WebAssembly"}`, () => {
    const engine = openEngine(roomFor(dense), { plain });
    assert.equal(engine.fast, !plain);
    const { run, setWeights } = network(dense, engine, openShelf());
    assert.deepEqual([...run([1, 2])], [9.5, 0, 15]);
    setWeights(toHalf([0, 0, 0, 1, 1, 1, 0, 0, 7]));
    assert.deepEqual([...run([1, 2])], [2, 2, 9]);
  });
}

test("a kernel that is asked for beyond its room is no other network's", () => {
  const engine = openEngine(2 * roomFor(dense));
  const take = openShelf();
  const [first, second] = [network(dense, engine, take), network(dense, engine, take)];
  second.setWeights(toHalf([0, 0, 0, 0, 0, 0, 1, 2, 3]));
  assert.deepEqual([...first.run([1, 2])], [9.5, 0, 15]);
  assert.deepEqual([...second.run([1, 2])], [1, 2, 3]);
  assert.deepEqual([...first.run([1, 2])], [9.5, 0, 15]);
});

test("dimensions without a slider stand at their mean", () => {
  const decoder = { ...dense, layers: [{ ...dense.layers[0], activation: "linear" }], output: [1, 3, 1] };
  const facts = { name: "a", decoder, output: "pixels", normal: true, mean: [5, -1] };
  const [model] = openModels([facts], [1]);
  assert.deepEqual(model.complete([2]), [5, 2]);
  assert.deepEqual([...model.decode(model.complete([2]))], [13.5, -80, 27]);
});
