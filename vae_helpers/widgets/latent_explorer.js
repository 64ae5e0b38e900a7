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

/** A model as the panels use it: its name, the size of its images, and decode(z) → pixels in 0 … 1. */
function openModel({ name, decoder, output }) {
  const run = network(decoder);
  const [height, width] = decoder.layers.at(-1).output;
  const decode = (z) => {
    const image = run(Float32Array.from(z));
    // A decoder of logits leaves the sigmoid to its loss, so it is still to be done.
    return output === "logits" ? image.map(activations.sigmoid) : image;
  };
  return { name, height, width, decode };
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

function showPicture(canvas, pixels) {
  canvas.getContext("2d").putImageData(toImage(pixels, canvas.width, canvas.height), 0, 0);
}

const subscript = (i) => String(i + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);
const shown = (number) => number.toFixed(2).replace("-", "−");
const spoken = (z) => Array.from(z, (value, i) => `z${subscript(i)} ${shown(value)}`).join(", ");

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
    if (!arrow) return;
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
    moved = false;
    const ours = event.pointerType === "mouse" || grip.contains(event.target);
    if (!ours || event.button !== 0 || !event.isPrimary) return;
    from = [event.clientX, event.clientY];
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    if (!from || !event.isPrimary) return;
    moved ||= Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 4;
    if (moved) drag(fractions(event));
  });
  const release = () => (from = null);
  area.addEventListener("pointerup", release);
  area.addEventListener("pointercancel", release);
  area.addEventListener("click", (event) => {
    if (!moved) tap(fractions(event), area.getBoundingClientRect());
    grip.focus({ preventScroll: true });
  });
}

// ---- Panels: each makes its part of the page and returns draw(z) ------------------------------------

function picturesPanel(root, models) {
  const canvases = models.map(({ name, width, height }) => {
    const canvas = makePicture(width, height, name);
    root.append(makePanel(name, canvas));
    return canvas;
  });
  return (z) => models.forEach(({ name, decode }, i) => {
    showPicture(canvases[i], decode(z));
    canvases[i].setAttribute("aria-label", `${name}: the image decoded at ${spoken(z)}`);
    canvases[i].dataset.z = z.join(" ");
  });
}

const CANVAS = 640; // the map's pixels in each direction, at least two for each one on the screen
const TAP_RADIUS = 18; // how near to a ringed point a finger must come, in screen pixels

function mapPanel(root, models, { points, low, high, readZ, moveTo }) {
  const codes = points.codes.map(fromHalf);
  const labels = new Uint8Array(points.labels.buffer, points.labels.byteOffset, points.labels.byteLength);
  const marked = new Set(points.marked);
  const fraction = (value) => (value - low) / (high - low);
  const value = (part) => low + part * (high - low);
  let emphasis = null; // the class picked in the legend
  const many = labels.length.toLocaleString("en");
  const about = `Codes of ${many} test images; dashed: one and two σ of the prior`;
  root.append(make("div", { class: "about" }, about));

  const maps = models.map((model, m) => {
    const canvas = make("canvas", { width: CANVAS, height: CANVAS });
    const grip = makeGrip("handle", `z on the map of ${model.name}`, { low, high });
    const ring = make("div", { class: "ring", hidden: "" });
    const area = make("div", { class: "map" }, canvas, drawAxes(low, high), ring, grip);
    const truth = makePicture(model.width, model.height, "test image");
    const again = makePicture(model.width, model.height, "reconstruction");
    const pair = make("div", { class: "pair" }, truth, again);
    const hint = "Tap a ringed point to see that test image.";
    const note = make("div", { class: "note", "aria-live": "polite" }, hint);
    root.append(makePanel(model.name, area, make("div", { class: "chosen" }, pair, note)));

    const code = (i) => [codes[m][2 * i], codes[m][2 * i + 1]];

    function drawPoints() {
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, CANVAS, CANVAS);
      for (let i = 0; i < labels.length; i++) {
        const [x, y] = code(i);
        const radius = marked.has(i) ? 7 : 4;
        context.globalAlpha = emphasis === null || emphasis === labels[i] ? 0.85 : 0.08;
        context.fillStyle = points.colors[labels[i] % points.colors.length];
        context.beginPath();
        context.arc(CANVAS * fraction(x), CANVAS * (1 - fraction(y)), radius, 0, 2 * Math.PI);
        context.fill();
        if (marked.has(i)) context.stroke();
      }
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
      const size = model.width * model.height;
      const k = points.marked.indexOf(i);
      const pixels = Array.from({ length: size }, (_, p) => points.images.getUint8(k * size + p) / 255);
      const name = points.class_names[labels[i]];
      showPicture(truth, pixels);
      showPicture(again, model.decode(code(i)));
      truth.setAttribute("aria-label", `test image ${i}: ${name}`);
      again.setAttribute("aria-label", `${model.name}: its reconstruction`);
      note.textContent = `${name} (test image ${i}) and its reconstruction, from ${spoken(code(i))}`;
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
        if ((distance / (high - low)) * box.width <= TAP_RADIUS) jump(i);
        else moveTo(z);
      },
    });
    onArrows(grip, ([right, up]) => {
      const [z1, z2] = readZ();
      moveTo([z1 + 0.1 * right, z2 + 0.1 * up]);
    });
    grip.addEventListener("keydown", (event) => {
      if (event.key === "Enter") jump(nearest(readZ())[0]);
    });

    const show = (z) => placeGrip(grip, z, fraction(z[0]), 1 - fraction(z[1]));
    return { drawPoints, choose, show };
  });

  const legend = make("div", { class: "legend", role: "group", "aria-label": "Classes" });
  points.class_names.forEach((name, k) => {
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
  return (z) => maps.forEach((map) => map.show(z));
}

/** The prior's circles, the axes through 0 and the numbers at their ends. */
function drawAxes(low, high) {
  const svg = draw("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" });
  const scale = 100 / (high - low);
  const x = (value) => (value - low) * scale;
  const y = (value) => 100 - x(value);
  svg.append(
    draw("line", { x1: 0, x2: 100, y1: y(0), y2: y(0) }),
    draw("line", { y1: 0, y2: 100, x1: x(0), x2: x(0) }),
  );
  for (const sigmas of [1, 2]) {
    svg.append(draw("circle", { cx: x(0), cy: y(0), r: sigmas * scale }));
    svg.append(draw("text", { x: x(0) + 1, y: y(sigmas) - 1 }, `${sigmas}σ`));
  }
  svg.append(
    draw("text", { x: 1.5, y: 5 }, `z₂ ${high}`),
    draw("text", { x: 1.5, y: 98 }, String(low).replace("-", "−")),
    draw("text", { x: 98.5, y: 98, "text-anchor": "end" }, `z₁ ${high}`),
  );
  return svg;
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
  const show = (z) => grids.forEach((grid) => grid(z));
  show.close = () => stops.forEach((stop) => stop());
  return show;
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
  const latentDim = model.get("models")[0].decoder.layers[0].input[0];
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
  const row = (kind) => el.appendChild(make("div", { class: `row ${kind}` }));
  const shared = { points: model.get("points"), low, high, readZ, moveTo };
  const panels = [picturesPanel(row("pictures"), models)];
  for (const name of model.get("panels")) {
    const panel = { map: mapPanel, grid: gridPanel }[name];
    panels.push(panel(row(`${name}s`), models, shared));
  }

  // However many changes come in, there is one drawing a frame of the screen, of the newest z. The
  // mark is taken away before z is read: a change that comes later asks for another drawing.
  let waiting = 0;
  const update = () => {
    waiting = 0;
    const z = readZ();
    for (const panel of panels) panel(z);
    nameSliders(el, z, low, high);
  };
  const schedule = () => {
    waiting ||= requestAnimationFrame(update);
  };
  for (const name of names) model.on(`change:${name}`, schedule);
  schedule();

  return () => {
    cancelAnimationFrame(waiting);
    for (const name of names) model.off(`change:${name}`, schedule);
    for (const panel of panels) panel.close?.();
  };
}

export default { render };
