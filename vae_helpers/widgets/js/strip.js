// @ts-check
/* The strip: each model's name, its picture, and beside it what belongs to it. It stays in view. */

import { make, makePicture, oncePerFrame, shown, showPicture, spoken, subscript } from "./page.js";

const BUDGET = 30; // milliseconds for pictures in one frame; the rest of the models wait for the next

/** @param {import("./stage.js").Stage} stage */
export function makeStrip(stage) {
  const { models, points, dims } = stage;
  const strip = make("div", { class: "strip pictures" });
  const cells = models.map((model) => {
    const picture = makePicture(model, model.name, "large");
    const truth = makePicture(model, "test image");
    const again = makePicture(model, `${model.name}: reconstruction`);
    const numbers = make("div", { class: "numbers" });
    const pair = make("div", { class: "pair" }, truth, again);
    const facts = points ? [make("div", { class: "facts" }, pair, numbers)] : [];
    const body = make("div", { class: "flow" }, picture, ...facts);
    const root = make("div", { class: "cell" }, make("div", { class: "name" }, model.name), body);
    strip.append(root);
    return { root, picture, truth, again, pair, numbers, seen: false, ready: false };
  });

  /** @param {number} m */
  function showModel(m) {
    const { picture } = cells[m];
    const { kind, codes, say, position } = stage.pictured;
    const z = stage.z();
    showPicture(picture, models[m].decode(kind === "z" ? models[m].complete(z) : codes[m]));
    const words = kind === "z" ? `the image decoded at ${spoken(z, dims)}` : say(m);
    picture.setAttribute("aria-label", `${models[m].name}: ${words}`);
    picture.dataset.kind = kind;
    if (kind === "z") picture.dataset.z = z.join(" ");
    else delete picture.dataset.z;
    if (position === undefined) delete picture.dataset.position;
    else picture.dataset.position = String(position);
  }

  /** @param {number} m */
  function showFacts(m) {
    const { truth, again, pair, numbers } = cells[m];
    const model = models[m];
    const image = stage.hovered ?? stage.chosen;
    const { drawn } = stage;
    const drawing = stage.tab === "pad" && drawn !== null;
    const comparing = stage.tab !== "pad" && stage.tab !== "walk" && image !== null;
    pair.classList.toggle("full", drawing || comparing);
    again.hidden = drawing;
    numbers.replaceChildren();
    if (drawing) {
      showPicture(truth, drawn.image);
      truth.setAttribute("aria-label", "what the networks see");
      numbers.append(...tellCode(model, drawn.codes[m], drawn.z[m], drawn.image));
    } else if (comparing && points) {
      const code = points.code(m, image);
      showPicture(truth, points.pixels(image));
      showPicture(again, model.decode(code));
      truth.setAttribute("aria-label", points.describe(image));
      again.setAttribute("aria-label", `${model.name}: its reconstruction`);
      numbers.append(...code.slice(0, 4).map((value, i) => tellNumber(`z${subscript(i)}`, shown(value))));
    }
  }

  // Only what is on the screen, each in turn: the next frame goes on where this one stopped.
  let next = 0;
  let left = 0;
  const paint = oncePerFrame(() => {
    const end = performance.now() + BUDGET;
    while (left > 0 && performance.now() < end) {
      // Once in any case, to be ready for whoever comes.
      if (cells[next].seen || !cells[next].ready) showModel(next);
      cells[next].ready = true;
      next = (next + 1) % cells.length;
      left -= 1;
    }
    if (left > 0) paint();
  });
  const all = () => {
    left = cells.length;
    paint();
  };
  const facts = oncePerFrame(() => cells.forEach((cell, m) => cell.seen && points && showFacts(m)));
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const cell = cells.find(({ root }) => root === target);
      if (cell) cell.seen = isIntersecting;
    }
    all();
    facts();
  }, { rootMargin: "100px" });
  for (const { root } of cells) watcher.observe(root);

  for (const what of ["z", "pictures"]) stage.on(what, all);
  for (const what of ["facts", "tab", "epoch"]) stage.on(what, facts);
  stage.atEnd(() => {
    watcher.disconnect();
    paint.cancel();
    facts.cancel();
  });
  return strip;
}

/** @param {string} name @param {string} value */
const tellNumber = (name, value) =>
  make("div", {}, make("span", {}, name), " ", make("b", {}, value));

/** A code with its spreads, the z that was decoded, and what the loss says of it.
    @param {import("./models.js").Model} model @param {import("./models.js").Code} code
    @param {number[]} z @param {ArrayLike<number>} image */
function tellCode(model, { mean, logvar }, z, image) {
  const some = (/** @type {number[]} */ values, /** @type {(value: number) => string} */ say) =>
    values.slice(0, 3).map(say).join("; ") + (values.length > 3 ? " …" : "");
  const spread = logvar.map((value) => Math.exp(value / 2));
  const lines = [tellNumber(spread.length ? "μ" : "z", some(mean, shown))];
  if (spread.length) {
    lines.push(tellNumber("σ", some(spread, (value) => String(Number(value.toPrecision(2))))));
    lines.push(tellNumber("z", some(z, shown)));
  }
  for (const [name, value] of model.terms(image, z, { mean, logvar })) {
    const size = name === "squared error" ? 4 : Math.abs(value) < 100 ? 2 : 1;
    lines.push(tellNumber(name, value.toFixed(size).replace("-", "−")));
  }
  return lines;
}
