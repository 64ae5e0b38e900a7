// @ts-check
/* Drawings, made into images as MNIST's were. */

/** How much of the pixels from … to lies in each of `number` cells of `size` that begin at `start`:
    for each cell the first pixel and the shares of it and the ones after it.
    @param {number} start @param {number} size @param {number} number @param {number} limit */
function cells(start, size, number, limit) {
  return Array.from({ length: number }, (_, cell) => {
    const from = start + cell * size;
    const to = Math.min(from + size, limit);
    const first = Math.floor(from);
    const length = Math.max(Math.ceil(to) - first, 0);
    const shares = Array.from({ length }, (__, i) =>
      Math.min(first + i + 1, to) - Math.max(first + i, from));
    return { first, shares };
  });
}

/** Scale the ink so that its longest side is `box`, and put its centre of mass in the middle.

    `ink` is square, `side` pixels each way, 0 … 1. The result has width × height pixels in whole steps
    of 1/255, like the data's; where several pixels of ink fall into one, it is as grey as they are on
    average. It is moved by whole pixels, and never so far that ink would be lost.
    @param {Float32Array} ink @param {number} side
    @param {{width: number, height: number, box: number}} wanted */
export function centre(ink, side, { width, height, box }) {
  let [left, top, right, bottom] = [side, side, 0, 0];
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] === 0) continue;
    const [x, y] = [i % side, Math.floor(i / side)];
    [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
  }
  const image = new Float32Array(width * height);
  if (right === 0) return image;

  const size = Math.max(right - left, bottom - top) / box; // of a new pixel, in old ones
  // What division rounds up is no pixel.
  const number = (/** @type {number} */ length) => Math.ceil(length / size - 1e-9);
  const across = cells(left, size, number(right - left), right);
  const down = cells(top, size, number(bottom - top), bottom);
  const small = down.map((row) => across.map((column) => {
    let sum = 0;
    row.shares.forEach((tall, r) => column.shares.forEach((wide, c) => {
      sum += tall * wide * ink[(row.first + r) * side + column.first + c];
    }));
    return sum / size ** 2;
  }));

  let [mass, massX, massY] = [0, 0, 0];
  small.forEach((row, y) => row.forEach((value, x) => {
    mass += value;
    massX += value * x;
    massY += value * y;
  }));
  // MNIST counts pixels from 0, so the middle of 28 is 14.
  const place = (/** @type {number} */ middle, /** @type {number} */ from, /** @type {number} */ room) =>
    Math.min(Math.max(Math.round(middle - from), 0), room);
  const x0 = place(width / 2, massX / mass, width - across.length);
  const y0 = place(height / 2, massY / mass, height - down.length);
  small.forEach((row, y) => row.forEach((value, x) => {
    image[(y0 + y) * width + x0 + x] = Math.round(255 * value) / 255;
  }));
  return image;
}
