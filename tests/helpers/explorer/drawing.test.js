/* node --test: drawings become images as MNIST's were made. */
import assert from "node:assert/strict";
import test from "node:test";

import { readAddress } from "../../../vae_helpers/widgets/js/address.js";
import { centre } from "../../../vae_helpers/widgets/js/drawing.js";

const SIDE = 56;

function square(left, top, size) {
  const ink = new Float32Array(SIDE * SIDE);
  for (let y = top; y < top + size; y++) ink.fill(1, y * SIDE + left, y * SIDE + left + size);
  return ink;
}

test("ink is scaled to its box and its centre of mass put in the middle", () => {
  // MNIST counts pixels from 0, so the middle of 14 is 7 and ten pixels begin at 3.
  for (const [left, top] of [[0, 0], [3, 30], [36, 36]]) {
    const image = centre(square(left, top, 20), SIDE, { width: 14, height: 14, box: 10 });
    for (let i = 0; i < image.length; i++) {
      const [x, y] = [i % 14, Math.floor(i / 14)];
      assert.equal(image[i], x >= 3 && x < 13 && y >= 3 && y < 13 ? 1 : 0, `${x}, ${y}`);
    }
  }
});

test("half a pixel of ink is half as dark, in steps of 1/255", () => {
  const ink = square(10, 10, 20);
  ink.fill(0, 10 * SIDE + 10, 10 * SIDE + 11); // one of the four that become the first pixel, which so comes to lie at 2
  const image = centre(ink, SIDE, { width: 14, height: 14, box: 10 });
  assert.ok(Math.abs(image[2 * 14 + 2] - Math.round(255 * 0.75) / 255) < 1e-6);
});

test("no ink gives an empty image", () => {
  assert.ok(centre(new Float32Array(SIDE * SIDE), SIDE, { width: 14, height: 14, box: 10 })
    .every((value) => value === 0));
});

test("an address says z, of the first explorer or of another", () => {
  assert.deepEqual(readAddress("#z=0.5,-1.2", 1), [0.5, -1.2]);
  assert.equal(readAddress("#z=0.5,-1.2", 2), null);
  assert.deepEqual(readAddress("#z=1&explorer=2", 2), [1]);
  for (const other of ["", "#watch", "#z=", "#z=a,b", "#z=1,Infinity"]) {
    assert.equal(readAddress(other, 1), null);
  }
});
