/* The latent explorer: decoders that run in the browser, and pictures to look at them with.

   One module, no library. First the networks (numbers in, numbers out), then the panels, and at the
   end `render`, which anywidget calls once for each place where the explorer is shown. Everything
   that moves, moves the model's traits z1, z2, …; the sliders are linked to the same traits. */

// ---- Networks ------------------------------------------------------------------------------------

/** float16 bytes, as NumPy writes them, to a Float32Array. */
export function fromHalf(bytes) {
  const numbers = new Float32Array(bytes.byteLength / 2);
  for (let i = 0; i < numbers.length; i++) {
    const half = bytes.getUint16(2 * i, true);
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    // Exponent 0 holds zero and the numbers too small for a leading 1.
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    numbers[i] = half & 0x8000 ? -size : size;
  }
  return numbers;
}

const activations = {
  linear: (x) => x,
  relu: (x) => (x > 0 ? x : 0),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/* Each layer adds its share to `out`, which holds the biases already. Images are flat arrays in the
   order row, column, channel. */
const layers = {
  dense({ kernel, output: [units] }, input, out) {
    for (let i = 0; i < input.length; i++) {
      const value = input[i];
      if (value === 0) continue;
      for (let u = 0, k = i * units; u < units; u++, k++) out[u] += value * kernel[k];
    }
  },

  // Every output pixel gathers from the patch of the input below the kernel.
  conv2d(layer, input, out) {
    const { kernel, input: [height, width, channels], output: [rows, columns, filters] } = layer;
    const { kernel: [tall, wide], strides: [down, right], padding: [top, left] } = layer.facts;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const o = (row * columns + column) * filters;
        for (let y = 0; y < tall; y++) {
          const r = row * down + y - top;
          if (r < 0 || r >= height) continue;
          for (let x = 0; x < wide; x++) {
            const c = column * right + x - left;
            if (c < 0 || c >= width) continue;
            addPixel(kernel, (y * wide + x) * channels, input, (r * width + c) * channels, channels,
              out, o, filters);
          }
        }
      }
    }
  },

  // The other way round: every input pixel is spread over a patch of the output.
  conv2d_transpose(layer, input, out) {
    const { kernel, input: [height, width, channels], output: [rows, columns, filters] } = layer;
    const { kernel: [tall, wide], strides: [down, right], padding: [top, left] } = layer.facts;
    for (let r = 0; r < height; r++) {
      for (let c = 0; c < width; c++) {
        for (let y = 0; y < tall; y++) {
          const row = r * down + y - top;
          if (row < 0 || row >= rows) continue;
          for (let x = 0; x < wide; x++) {
            const column = c * right + x - left;
            if (column < 0 || column >= columns) continue;
            addPixel(kernel, (y * wide + x) * channels, input, (r * width + c) * channels, channels,
              out, (row * columns + column) * filters, filters);
          }
        }
      }
    }
  },
};

/** One pixel's channels times one cell of the kernel, added to one pixel of the output.

    Nearly all of the time goes into these loops. Four channels are added at once, because reading and
    writing `out` costs as much as the multiplications do; zeros, about half after a ReLU, are left out. */
const found = new Int32Array(4);

function addPixel(kernel, cell, input, i, channels, out, o, filters) {
  const start = cell * filters;
  let n = 0;
  for (let channel = 0; channel < channels; channel++) {
    if (input[i + channel] === 0) continue;
    found[n++] = channel;
    if (n < 4) continue;
    const [a, b, c, d] = [found[0], found[1], found[2], found[3]];
    const [va, vb, vc, vd] = [input[i + a], input[i + b], input[i + c], input[i + d]];
    const [ka, kb] = [start + a * filters, start + b * filters];
    const [kc, kd] = [start + c * filters, start + d * filters];
    for (let f = 0; f < filters; f++) {
      out[o + f] +=
        va * kernel[ka + f] + vb * kernel[kb + f] + vc * kernel[kc + f] + vd * kernel[kd + f];
    }
    n = 0;
  }
  for (let m = 0; m < n; m++) {
    const value = input[i + found[m]];
    const k = start + found[m] * filters;
    for (let f = 0; f < filters; f++) out[o + f] += value * kernel[k + f];
  }
}

const count = (shape) => shape.reduce((product, size) => product * size, 1);

/** A function that runs the layers which Python's `describe` packed. It returns the same array each
    time, filled anew. */
export function network({ layers: chain, weights }) {
  const numbers = fromHalf(weights);
  let start = 0;
  const take = (length) => numbers.subarray(start, (start += length));

  const ready = chain.map((facts) => {
    const outputs = facts.output.at(-1);
    const inputs = facts.input.at(-1);
    const kernel = take(count(facts.kernel ?? []) * inputs * outputs);
    const bias = take(outputs);
    const biases = new Float32Array(count(facts.output)).map((_, i) => bias[i % outputs]);
    const { kind, input, output, activation } = facts;
    return { kind, facts, kernel, biases, input, output, activation, out: new Float32Array(biases) };
  });

  return (input) => {
    let values = input;
    for (const layer of ready) {
      layer.out.set(layer.biases);
      layers[layer.kind](layer, values, layer.out);
      const activate = activations[layer.activation];
      for (let i = 0; i < layer.out.length; i++) layer.out[i] = activate(layer.out[i]);
      values = layer.out;
    }
    return values;
  };
}

/** What is still to be done to a decoder's output, by its model's decoder_output: a decoder of logits
    leaves the sigmoid to its loss; a continuous Bernoulli's picture is the distribution's mean. */
const toPixel = {
  pixels: (value) => value,
  logits: activations.sigmoid,
  continuous_logits: (logit) =>
    Math.abs(logit) < 0.1
      ? 0.5 + logit / 12 - logit ** 3 / 720
      : 1 / (1 - Math.exp(-logit)) - 1 / logit,
};

/** A model as the panels use it: its name, the size of its images, decode(z) → pixels in 0 … 1, and
    where the encoder came along encode(pixels) → { z, sigma }. */
export function openModel({ name, decoder, encoder, output }) {
  const run = network(decoder);
  const [height, width] = decoder.output;
  const decode = (z) => {
    const image = run(Float32Array.from(z));
    return image.map(toPixel[output]);
  };

  const runEncoder = encoder && network(encoder);
  const latentDim = decoder.input[0];
  const encode = (pixels) => {
    const numbers = Array.from(runEncoder(pixels));
    // After the means come the log-variances of q(z|x), or nothing where the encoder is deterministic.
    const sigma = numbers.slice(latentDim).map((logvar) => Math.exp(logvar / 2));
    return { z: numbers.slice(0, latentDim), sigma };
  };
  const spreads = encoder && encoder.output[0] > latentDim;
  return { name, height, width, decode, encode, spreads };
}

// ---- Drawings: made into images as MNIST's were --------------------------------------------------

/** How much of the pixels from … to lies in each of `count` cells of `size` that begin at `start`:
    for each cell the first pixel and the shares of it and the ones after it. */
function cells(start, size, count, limit) {
  return Array.from({ length: count }, (_, cell) => {
    const from = start + cell * size;
    const to = Math.min(from + size, limit);
    const first = Math.floor(from);
    const length = Math.max(Math.ceil(to) - first, 0);
    const shares = Array.from({ length }, (_, i) =>
      Math.min(first + i + 1, to) - Math.max(first + i, from));
    return { first, shares };
  });
}

/** Scale the ink so that its longest side is `box`, and put its centre of mass in the middle.

    `ink` is square, `side` pixels each way, 0 … 1. The result has width × height pixels in whole steps
    of 1/255, like the data's; where several pixels of ink fall into one, it is as grey as they are on
    average. It is moved by whole pixels, and never so far that ink would be lost. */
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
  const number = (length) => Math.ceil(length / size - 1e-9); // what division rounds up is no pixel
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
  const place = (middle, centre, room) => Math.min(Math.max(Math.round(middle - centre), 0), room);
  const x0 = place(width / 2, massX / mass, width - across.length);
  const y0 = place(height / 2, massY / mass, height - down.length);
  small.forEach((row, y) => row.forEach((value, x) => {
    image[(y0 + y) * width + x0 + x] = Math.round(255 * value) / 255;
  }));
  return image;
}

// ---- Pieces of page ------------------------------------------------------------------------------

/** An element with attributes and children. Strings become text, never markup. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** The same for the vector drawing that lies over the map. */
function draw(tag, attributes = {}, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}

/** Pixels in 0 … 1 as an image that a canvas can take: dark ink on white, as in the book's figures. */
function toImage(pixels, width, height) {
  const image = new ImageData(width, height);
  for (let i = 0; i < pixels.length; i++) {
    image.data.fill(255 * (1 - pixels[i]), 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  return image;
}

function makePanel(name, ...parts) {
  return make("div", { class: "panel" }, make("div", { class: "name" }, name), ...parts);
}

function makePicture(width, height, label) {
  const attributes = { class: "picture", width, height, role: "img", "aria-label": label };
  return make("canvas", attributes);
}

export function showPicture(canvas, pixels) {
  canvas.getContext("2d").putImageData(toImage(pixels, canvas.width, canvas.height), 0, 0);
}

const subscript = (i) => String(i + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);
const shown = (number) => number.toFixed(2).replace("-", "−");
const spoken = (z) => Array.from(z, (value, i) => `z${subscript(i)} ${shown(value)}`).join(", ");

/** A control of the browser's own, with its name in front of it. The name is repeated as a label for
    screen readers, which would take a list's choices as part of it. */
function makeLabel(name, control) {
  control.setAttribute("aria-label", name);
  return make("label", {}, make("span", {}, name), control);
}
const makeRange = (attributes) => make("input", { type: "range", ...attributes });
const makeSelect = (names, chosen) => {
  const select = make("select", {}, ...names.map((name, i) => make("option", { value: i }, name)));
  select.value = chosen;
  return select;
};

function makeButton(name, press) {
  const button = make("button", { type: "button", class: "action" }, name);
  button.addEventListener("click", press);
  return button;
}

/** However often it is asked for, the work is done once a frame of the screen. The mark is taken away
    before it begins: what changes later asks for another time. */
function oncePerFrame(work) {
  let waiting = 0;
  const ask = () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      work();
    });
  };
  ask.cancel = () => cancelAnimationFrame(waiting);
  return ask;
}

/** What the map's handle and the grid's frame have in common: a thing at z that arrow keys move. */
function makeGrip(kind, label, { low, high }) {
  return make("div", {
    class: kind, role: "slider", tabindex: 0, "aria-label": label,
    "aria-roledescription": "two-dimensional slider",
    "aria-valuemin": low, "aria-valuemax": high,
  });
}

function placeGrip(grip, z, left, top) {
  grip.style.left = `${100 * left}%`;
  grip.style.top = `${100 * top}%`;
  grip.setAttribute("aria-valuenow", z[0].toFixed(2));
  grip.setAttribute("aria-valuetext", spoken(z));
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function onArrows(grip, step) {
  grip.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || event.altKey || event.ctrlKey || event.metaKey) return; // the browser's own keys
    event.preventDefault(); // the page would scroll
    step(arrow.map((direction) => direction * (event.shiftKey ? 5 : 1)));
  });
}

/** Report pointers on `area` as fractions from its left and its top.

    A mouse may drag from anywhere. A finger drags only when it starts on `grip`: elsewhere its
    swipes belong to the page, which could not be scrolled otherwise, and its taps to us. */
function onPointer(area, grip, { drag, tap }) {
  let from = null;
  let moved = false;
  const fractions = (event) => {
    const box = area.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  area.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return; // a second finger neither begins a drag nor ends one
    moved = false;
    const ours = event.pointerType === "mouse" || grip.contains(event.target);
    if (!ours || event.button !== 0) return;
    from = [event.clientX, event.clientY];
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    if (!from || !event.isPrimary) return;
    moved ||= Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 4;
    if (moved) drag(fractions(event));
  });
  const release = (event) => {
    if (event.isPrimary) from = null;
  };
  area.addEventListener("pointerup", release);
  area.addEventListener("pointercancel", release);
  area.addEventListener("click", (event) => {
    if (!moved) tap(fractions(event), area.getBoundingClientRect());
    grip.focus({ preventScroll: true });
  });
}

/* ---- Panels -----------------------------------------------------------------------------------------

   Each makes its part of the page and returns what the widget needs of it: show(z), called whenever z
   moves, and close(), called when the explorer goes; both only where there is something to do. */

function picturesPanel(root, models) {
  const canvases = models.map(({ name, width, height }) => {
    const canvas = makePicture(width, height, name);
    root.append(makePanel(name, canvas));
    return canvas;
  });
  const show = (z) => models.forEach(({ name, decode }, i) => {
    showPicture(canvases[i], decode(z));
    canvases[i].setAttribute("aria-label", `${name}: the image decoded at ${spoken(z)}`);
    canvases[i].dataset.z = z.join(" ");
  });
  return { show };
}

const CANVAS = 640; // the map's pixels in each direction, at least two for each one on the screen
const TAP_RADIUS = 18; // how near to a ringed point a finger must come, in screen pixels

/** The test images that Python packed: their classes, each model's codes of them, and the pixels of
    the marked ones. */
function openPoints({ codes, labels, marked, images, class_names: names, colors, ...rest }) {
  const all = codes.map(fromHalf);
  const classes = new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength);
  const dim = all[0].length / classes.length;
  const size = images.byteLength / marked.length;
  return {
    ...rest, labels: classes, marked, names, colors, codes: all,
    code: (m, i) => Array.from(all[m].subarray(dim * i, dim * (i + 1))),
    pixels: (i) => {
      const start = marked.indexOf(i) * size;
      return Float32Array.from({ length: size }, (_, p) => images.getUint8(start + p) / 255);
    },
    describe: (i) => `${names[classes[i]]} (test image ${i})`,
  };
}

function mapPanel(root, models, { points, low, high, readZ, moveTo }) {
  const { labels, codes } = points;
  const marked = new Set(points.marked);
  const epochs = points.epochs ?? [];
  const earlier = (points.earlier ?? []).map(fromHalf);
  const last = epochs.length - 1;
  let epoch = last; // its position among the epochs
  const fraction = (value) => (value - low) / (high - low);
  const value = (part) => low + part * (high - low);
  let emphasis = null; // the class picked in the legend
  const many = labels.length.toLocaleString("en");
  const isLast = () => epoch === last;
  const about = `Codes of ${many} test images; dashed: one and two σ of N(0, I)`;
  root.append(make("div", { class: "about" }, about));

  const maps = models.map((model, m) => {
    const canvas = make("canvas", { width: CANVAS, height: CANVAS });
    const grip = makeGrip("handle", `z on the map of ${model.name}`, { low, high });
    const ring = make("div", { class: "ring", hidden: "" });
    const svg = drawAxes(low, high);
    const [way, mark] = [draw("g", { class: "way" }), draw("g", { class: "mark" })];
    svg.append(way, mark);
    const area = make("div", { class: "map" }, canvas, svg, ring, grip);
    const truth = makePicture(model.width, model.height, "test image");
    const again = makePicture(model.width, model.height, "reconstruction");
    const pair = make("div", { class: "pair" }, truth, again);
    const hint = "Tap a ringed point to see that test image; Enter on the handle shows the nearest.";
    const note = make("div", { class: "note", "aria-live": "polite" }, hint);
    root.append(makePanel(model.name, area, make("div", { class: "chosen" }, pair, note)));

    const code = (i) => points.code(m, i);

    function drawPoints() {
      const context = canvas.getContext("2d");
      const numbers = isLast() ? codes[m] : earlier[m].subarray(2 * labels.length * epoch);
      let outside = 0;
      context.clearRect(0, 0, CANVAS, CANVAS);
      for (let i = 0; i < labels.length; i++) {
        const [x, y] = [numbers[2 * i], numbers[2 * i + 1]];
        outside += Math.min(x, y) < low || Math.max(x, y) > high;
        // Only the last epoch's points can be tapped, so only they have rings.
        const tappable = isLast() && marked.has(i);
        const radius = tappable ? 7 : 4;
        context.globalAlpha = emphasis === null || emphasis === labels[i] ? 0.85 : 0.08;
        context.fillStyle = points.colors[labels[i] % points.colors.length];
        context.beginPath();
        context.arc(CANVAS * fraction(x), CANVAS * (1 - fraction(y)), radius, 0, 2 * Math.PI);
        context.fill();
        if (tappable) context.stroke();
      }
      return outside;
    }

    /** The codes of the epoch that the slider shows. The networks here are the last epoch's: at the
        others no point can be tapped, and what the pad and the walk draw on the map is put away. */
    function showEpoch() {
      const outside = drawPoints();
      const lost = outside ? ` ${outside.toLocaleString("en")} of ${many} lie outside this map.` : "";
      const now = `Codes at epoch ${epochs[epoch]}.${lost} The pictures are of epoch ${epochs[last]}.`;
      note.textContent = isLast() ? hint : now;
      ring.hidden = true;
      pair.classList.remove("full");
      for (const group of [way, mark]) group.setAttribute("visibility", isLast() ? "visible" : "hidden");
    }

    const across = (z) => [100 * fraction(z[0]), 100 * (1 - fraction(z[1]))];
    const unit = 100 / (high - low);

    /** Where the pad's image lies: a cross that leaves its middle free, and one sigma around it. */
    function drawMark(code) {
      mark.replaceChildren();
      if (!code) return;
      const [x, y] = across(code.z);
      const [rx, ry] = code.sigma.map((sigma) => sigma * unit);
      if (rx) mark.append(...haloed("ellipse", { cx: x, cy: y, rx, ry }));
      const arms = [[-5, 0, 3, 0], [2, 0, 3, 0], [0, -5, 0, 3], [0, 2, 0, 3]];
      const d = arms.map(([a, b, c, e]) => `M${x + a} ${y + b}l${c} ${e}`).join("");
      mark.append(...haloed("path", { d }));
    }

    /** The straight walk between two codes, and the point reached on it. */
    function drawWay(from, to, z) {
      const [[x1, y1], [x2, y2], [cx, cy]] = [from, to, z].map(across);
      way.replaceChildren(
        ...haloed("line", { x1, y1, x2, y2 }),
        draw("circle", { cx, cy, r: 1.8, class: "dot" }),
      );
    }

    function nearest([x, y]) {
      let best = null;
      let least = Infinity;
      for (const i of marked) {
        const [a, b] = code(i);
        const distance = Math.hypot(a - x, b - y);
        if (distance < least) [best, least] = [i, distance];
      }
      return [best, least];
    }

    /** Show test image i beside this model's own reconstruction of it. */
    function choose(i) {
      showPicture(truth, points.pixels(i));
      showPicture(again, model.decode(code(i)));
      truth.setAttribute("aria-label", points.describe(i));
      again.setAttribute("aria-label", `${model.name}: its reconstruction`);
      note.textContent = `${points.describe(i)} and its reconstruction, from ${spoken(code(i))}`;
      const [x, y] = code(i);
      ring.style.left = `${100 * fraction(x)}%`;
      ring.style.top = `${100 * (1 - fraction(y))}%`;
      ring.hidden = false;
      pair.classList.add("full");
    }

    const jump = (i) => {
      maps.forEach((map) => map.choose(i));
      moveTo(code(i));
    };
    onPointer(area, grip, {
      drag: ([x, y]) => moveTo([value(x), value(1 - y)]),
      tap: ([x, y], box) => {
        const z = [value(x), value(1 - y)];
        const [i, distance] = nearest(z);
        if (isLast() && (distance / (high - low)) * box.width <= TAP_RADIUS) jump(i);
        else moveTo(z);
      },
    });
    onArrows(grip, ([right, up]) => {
      const [z1, z2] = readZ();
      moveTo([z1 + 0.1 * right, z2 + 0.1 * up]);
    });
    grip.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && isLast()) jump(nearest(readZ())[0]);
    });

    const show = (z) => placeGrip(grip, z, fraction(z[0]), 1 - fraction(z[1]));
    return { drawPoints, drawMark, drawWay, showEpoch, choose, show };
  });

  if (epochs.length) {
    const range = makeRange({ min: 0, max: last, step: 1, value: last });
    const number = make("span", { "aria-hidden": true }, String(epochs[last]));
    range.addEventListener("input", () => {
      epoch = Number(range.value);
      number.textContent = epochs[epoch];
      range.setAttribute("aria-valuetext", `epoch ${epochs[epoch]}`);
      maps.forEach((map) => map.showEpoch());
    });
    range.setAttribute("aria-valuetext", `epoch ${epochs[last]}`);
    root.prepend(make("div", { class: "controls" }, makeLabel("Epoch", range), number));
  }

  const legend = make("div", { class: "legend", role: "group", "aria-label": "Classes" });
  points.names.forEach((name, k) => {
    const dot = make("span", { class: "dot" });
    dot.style.background = points.colors[k % points.colors.length];
    const button = make("button", { type: "button", "aria-pressed": false }, dot, name);
    button.addEventListener("click", () => {
      emphasis = emphasis === k ? null : k;
      [...legend.children].forEach((other, i) => other.setAttribute("aria-pressed", i === emphasis));
      maps.forEach((map) => map.drawPoints());
    });
    legend.append(button);
  });
  root.append(legend);

  maps.forEach((map) => map.drawPoints());
  const show = (z) => maps.forEach((map) => map.show(z));
  return { show, maps };
}

/** A line that stands out from coloured points: dark, with white around it. */
const haloed = (tag, attributes) =>
  ["halo", "stroke"].map((kind) => draw(tag, { ...attributes, class: kind }));

/** The prior's circles, the axes through 0 and the numbers at their ends. */
function drawAxes(low, high) {
  const svg = draw("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" });
  const axes = draw("g", { class: "axes" });
  svg.append(axes);
  const scale = 100 / (high - low);
  const x = (value) => (value - low) * scale;
  const y = (value) => 100 - x(value);
  axes.append(
    draw("line", { x1: 0, x2: 100, y1: y(0), y2: y(0) }),
    draw("line", { y1: 0, y2: 100, x1: x(0), x2: x(0) }),
  );
  for (const sigmas of [1, 2]) {
    axes.append(draw("circle", { cx: x(0), cy: y(0), r: sigmas * scale }));
    axes.append(draw("text", { x: x(0) + 1, y: y(sigmas) - 1 }, `${sigmas}σ`));
  }
  axes.append(
    draw("text", { x: 1.5, y: 5 }, `z₂ ${high}`),
    draw("text", { x: 1.5, y: 98 }, String(low).replace("-", "−")),
    draw("text", { x: 98.5, y: 98, "text-anchor": "end" }, `z₁ ${high}`),
  );
  return svg;
}

const PAD = 280; // the pad's pixels in each direction

function padPanel(root, models, { points, maps, low, high }) {
  const { width, height } = models[0]; // Python has made sure that all encoders take the same
  const { box, pen } = points;
  const strokes = []; // each a list of points [x, y] on the pad
  let taken = null; // a test image that was taken instead
  let next = 0;

  const pad = make("canvas", {
    class: "pad", width: PAD, height: PAD, role: "img",
    "aria-label": "Drawing pad for mouse, finger or pen; the button Test image needs none",
  });
  const context = pad.getContext("2d", { willReadFrequently: true });
  context.lineWidth = (pen * PAD) / box; // pen, once a drawing that fills the pad is scaled
  context.lineCap = context.lineJoin = "round";
  const buttons = [["Undo", undo], ["Clear", clear], ["Test image", takeNext]];
  const about = "Your drawing, or a test image, through each network.";
  const onMap = maps.length ? " On the map a cross marks its code" : "";
  const ellipse = onMap && models.some(({ spreads }) => spreads) ? ", an ellipse one σ of q(z|x)" : "";
  root.append(make("div", { class: "about" }, about + onMap + ellipse + (onMap && ".")));
  const status = make("div", { class: "note", "aria-live": "polite" });
  root.append(
    makePanel("Draw here", pad,
      make("div", { class: "controls" }, ...buttons.map(([name, press]) => makeButton(name, press)))),
  );

  const seen = makePicture(width, height, "what the networks see");
  const results = make("div", { class: "results" }, makePanel(`${width} × ${height} pixels`, seen, status));
  root.append(results);
  const outputs = models.map((model) => {
    const canvas = makePicture(model.width, model.height, `${model.name}: reconstruction`);
    const text = make("div", { class: "note code", "aria-live": "polite" });
    results.append(makePanel(model.name, canvas, text));
    return { canvas, text };
  });

  function clear() {
    strokes.length = 0;
    taken = null;
    update();
  }

  function undo() {
    if (taken === null) strokes.pop();
    taken = null;
    update();
  }

  function takeNext() {
    strokes.length = 0;
    taken = points.marked[next];
    next = (next + 1) % points.marked.length;
    update();
  }

  function drawStrokes() {
    context.clearRect(0, 0, PAD, PAD);
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const [x, y] of stroke) context.lineTo(x + 0.01, y); // so that a single point is a dot
      context.stroke();
    }
    const { data } = context.getImageData(0, 0, PAD, PAD);
    return Float32Array.from({ length: PAD * PAD }, (_, i) => data[4 * i + 3] / 255);
  }

  const update = oncePerFrame(() => {
    const ink = drawStrokes();
    const empty = taken === null && strokes.length === 0;
    const image = taken === null ? centre(ink, PAD, { width, height, box }) : points.pixels(taken);
    showPicture(seen, image);
    status.textContent = taken === null ? "" : points.describe(taken);
    models.forEach((model, m) => {
      const code = empty ? null : model.encode(image);
      const { canvas, text } = outputs[m];
      showPicture(canvas, code ? model.decode(code.z) : image);
      const lost = maps.length && code?.z.some((value) => value < low || value > high);
      text.textContent = code ? sayCode(code) + (lost ? ", outside the map" : "") : "";
      maps[m]?.drawMark(code);
    });
  });

  const place = (event) => {
    const area = pad.getBoundingClientRect();
    const scale = PAD / area.width;
    return [(event.clientX - area.left) * scale, (event.clientY - area.top) * scale];
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    pad.setPointerCapture(event.pointerId);
    taken = null;
    strokes.push([place(event)]);
    update();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!event.isPrimary || !pad.hasPointerCapture(event.pointerId)) return;
    // A pen reports more often than the screen is drawn: take every place it has been.
    const between = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1)?.push(...(between.length ? between : [event]).map(place));
    update();
  });
  update();
  return { close: update.cancel };
}

/** A code with its spreads, which can be tiny, in words that keep a name and its number together. */
const sayCode = ({ z, sigma }) =>
  z.map((value, i) => {
    const spread = sigma.length ? ` (σ\u00a0${Number(sigma[i].toPrecision(2))})` : "";
    return `z${subscript(i)}\u00a0${shown(value)}${spread}`;
  }).join(", ");

const PACES = [["slow", 10], ["medium", 5], ["fast", 2]]; // seconds for the whole way
const STOPS = 10; // for those who want no motion: so many steps to the other end

function walkPanel(root, models, { points, maps }) {
  const ofClass = points.names.map((_, k) => points.marked.filter((i) => points.labels[i] === k));
  const there = points.names.map((_, k) => k).filter((k) => ofClass[k].length > 0);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let position = 0; // 0 … 1
  let frame = 0; // of the animation that is running, or 0
  let before = 0; // when it drew last

  const ends = ["From", "To"].map((name, side) => {
    const select = makeSelect(there.map((k) => points.names[k]), Math.min(side, there.length - 1));
    const picture = makePicture(models[0].width, models[0].height, "");
    // The class's second image at the far end: there is a way to walk within one class, too.
    const image = () => ofClass[there[select.value]].at(side) ?? ofClass[there[select.value]][0];
    select.addEventListener("change", showEnds);
    return { node: make("div", { class: "end" }, makeLabel(name, select), picture), picture, image };
  });
  const about = "The straight way between each model's codes of two test images";
  root.append(make("div", { class: "about" }, about));
  root.append(make("div", { class: "controls" }, ...ends.map(({ node }) => node)));

  const canvases = models.map(({ name, width, height }) => {
    const canvas = makePicture(width, height, name);
    root.append(makePanel(name, canvas));
    return canvas;
  });

  const button = makeButton("", press);
  const range = makeRange({ min: 0, max: 100, step: 1, value: 0 });
  const pace = makeSelect(PACES.map(([name]) => name), 1);
  const paceLabel = makeLabel("Pace", pace);
  root.append(make("div", { class: "controls" }, button, makeLabel("Position", range), paceLabel));
  range.addEventListener("input", () => {
    pause();
    position = range.value / 100;
    update();
  });

  const update = oncePerFrame(show);
  function show() {
    const [from, to] = ends.map(({ image }) => image());
    range.value = 100 * position;
    const percent = `${Math.round(100 * position)} %`;
    const way = `${percent} of the way from ${points.describe(from)} to ${points.describe(to)}`;
    range.setAttribute("aria-valuetext", way);
    models.forEach((model, m) => {
      const [a, b] = [points.code(m, from), points.code(m, to)];
      const z = a.map((start, i) => (1 - position) * start + position * b[i]);
      showPicture(canvases[m], model.decode(z));
      canvases[m].setAttribute("aria-label", `${model.name}: the image decoded ${way}`);
      canvases[m].dataset.position = position;
      maps[m]?.drawWay(a, b, z);
    });
  }

  function showEnds() {
    for (const { picture, image } of ends) {
      showPicture(picture, points.pixels(image()));
      picture.setAttribute("aria-label", points.describe(image()));
    }
    update();
  }

  function press() {
    if (frame) return pause();
    if (position >= 1) position = 0;
    else if (still.matches) position = Math.min((Math.floor(position * STOPS + 1e-6) + 1) / STOPS, 1);
    if (still.matches) return update();
    before = performance.now();
    frame = requestAnimationFrame(play);
    nameButton();
  }

  function play(now) {
    // A frame that comes late moves no further than a twentieth of a second would.
    const seconds = Math.min(Math.max(now - before, 0) / 1000, 0.05);
    before = now;
    position = Math.min(position + seconds / PACES[pace.value][1], 1);
    show();
    frame = position < 1 ? requestAnimationFrame(play) : 0;
    if (!frame) nameButton();
  }

  function pause() {
    cancelAnimationFrame(frame);
    frame = 0;
    nameButton();
  }

  function nameButton() {
    button.textContent = still.matches ? "Next step" : frame ? "Pause" : "Play";
    paceLabel.hidden = still.matches;
  }

  still.addEventListener("change", pause);
  nameButton();
  showEnds();
  return {
    close() {
      cancelAnimationFrame(frame);
      update.cancel();
      still.removeEventListener("change", pause);
    },
  };
}

const SIDE = 16; // images in each direction
const EDGE = 4; // the grid's first and last images lie at −4 and 4, as in the 2018 tutorial
const GRID = Array.from({ length: SIDE }, (_, i) => -EDGE + (2 * EDGE * i) / (SIDE - 1));
const toCell = (value) => Math.round(((value + EDGE) / (2 * EDGE)) * (SIDE - 1));

function gridPanel(root, models, { low, high, readZ, moveTo }) {
  const stops = [];
  const about = `Images decoded at z₁ and z₂ from −${EDGE} to ${EDGE}`;
  root.append(make("div", { class: "about" }, about));
  const grids = models.map((model) => {
    const { width, height } = model;
    const label = `${model.name}: ${SIDE} × ${SIDE} decoded images`;
    const canvas = makePicture(SIDE * width, SIDE * height, label);
    const grip = makeGrip("frame", `z on the grid of ${model.name}`, { low, high });
    const area = make("div", { class: "grid" }, canvas, grip);
    root.append(makePanel(model.name, area));

    // 256 images take about a second, so they are decoded a few at a time, with pauses in which the
    // page can answer its reader, and none before the reader comes here.
    let next = 0;
    let pause = 0;
    function fill() {
      const context = canvas.getContext("2d");
      const end = performance.now() + 12;
      while (next < SIDE * SIDE && performance.now() < end) {
        const column = next % SIDE;
        const row = Math.floor(next / SIDE);
        const pixels = model.decode([GRID[column], GRID[SIDE - 1 - row]]);
        context.putImageData(toImage(pixels, width, height), column * width, row * height);
        next += 1;
      }
      canvas.dataset.done = next;
      if (next < SIDE * SIDE) pause = setTimeout(fill);
    }
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      fill();
    }, { rootMargin: "200px" });
    watcher.observe(canvas);
    stops.push(() => (watcher.disconnect(), clearTimeout(pause)));

    const inside = (cell) => Math.min(Math.max(cell, 0), SIDE - 1);
    const goTo = (column, row) => moveTo([GRID[inside(column)], GRID[inside(row)]]);
    const point = ([x, y]) => goTo(Math.floor(x * SIDE), Math.floor((1 - y) * SIDE));
    onPointer(area, grip, { drag: point, tap: point });
    onArrows(grip, ([right, up]) => {
      const [column, row] = readZ().map(toCell);
      goTo(column + right, row + up);
    });

    return (z) => {
      const [column, row] = z.map(toCell);
      grip.classList.toggle("outside", column !== inside(column) || row !== inside(row));
      placeGrip(grip, z, inside(column) / SIDE, (SIDE - 1 - inside(row)) / SIDE);
    };
  });
  return {
    show: (z) => grids.forEach((grid) => grid(z)),
    close: () => stops.forEach((stop) => stop()),
  };
}

// ---- The widget ------------------------------------------------------------------------------------

/** Tell screen readers what ipywidgets, which draws the sliders beside us, leaves out. */
function nameSliders(el, z, low, high) {
  const handles = el.parentElement?.querySelectorAll(".noUi-handle, .ui-slider-handle") ?? [];
  if (handles.length !== z.length) return; // not drawn yet
  handles.forEach((handle, i) => {
    handle.setAttribute("aria-label", `z${subscript(i)}`);
    if (!handle.matches(".ui-slider-handle")) return;
    // ipywidgets 7, which Colab has, does not even say that it is a slider.
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-valuemin", low);
    handle.setAttribute("aria-valuemax", high);
    handle.setAttribute("aria-valuenow", z[i].toFixed(2));
  });
}

function render({ model, el }) {
  const low = model.get("low");
  const high = model.get("high");
  const step = model.get("step");
  const models = model.get("models").map(openModel);
  const latentDim = model.get("models")[0].decoder.input[0];
  const names = Array.from({ length: latentDim }, (_, i) => `z${i + 1}`);

  const readZ = () => names.map((name) => model.get(name));
  const moveTo = (z) => {
    // The sliders' own steps: what they show is exactly what is decoded.
    names.forEach((name, i) => {
      const inside = Math.min(Math.max(z[i], low), high);
      model.set(name, Number((Math.round(inside / step) * step).toFixed(2)));
    });
    model.save_changes();
  };

  el.classList.add("latent-explorer");
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the arrow keys for its cells
  const row = (kind) => el.appendChild(make("div", { class: `row ${kind}` }));
  const wanted = model.get("panels");
  const packed = model.get("points");
  const points = packed.codes && openPoints(packed);
  const shared = { points, maps: [], low, high, readZ, moveTo };

  // Some panels draw z, some have a life of their own, and all may have something to stop at the end.
  const panels = [picturesPanel(row("pictures"), models)];
  if (wanted.includes("map")) {
    panels.push(mapPanel(row("maps"), models, shared));
    shared.maps = panels.at(-1).maps;
  }
  if (wanted.includes("pad")) panels.push(padPanel(row("pads"), models, shared));
  if (wanted.includes("walk")) panels.push(walkPanel(row("walks"), models, shared));
  if (wanted.includes("grid")) panels.push(gridPanel(row("grids"), models, shared));

  const update = oncePerFrame(() => {
    const z = readZ();
    for (const panel of panels) panel.show?.(z);
    nameSliders(el, z, low, high);
  });
  for (const name of names) model.on(`change:${name}`, update);
  update();

  return () => {
    update.cancel();
    for (const name of names) model.off(`change:${name}`, update);
    for (const panel of panels) panel.close?.();
  };
}

export default { render };
