// @ts-check
/* The walk: straight between each model's own codes of two test images. */

import {
  inSlices, make, makeButton, makeLabel, makePicture, makeRange, makeSelect, oncePerFrame, showPicture,
  surface, toImage,
} from "./page.js";

/** @type {[string, number][]} */
const PACES = [["slow", 10], ["medium", 5], ["fast", 2]]; // seconds for the whole way
const STOPS = 10; // for those who want no motion: so many steps to the other end
const FILM = 8; // pictures of the whole way, its ends among them

/** @param {import("./stage.js").Stage} stage */
export function makeWalk(stage) {
  const { models } = stage;
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let position = 0; // 0 … 1
  let frame = 0; // of the animation that is running, or 0
  let before = 0; // when it drew last

  const ends = makeEnds(points, stage, () => {
    films.forEach((film) => film.fill());
    update();
  });
  const films = models.map((_, m) => makeFilm(stage, m, ends.images));
  const update = oncePerFrame(show);

  const button = makeButton("", press);
  const range = makeRange({ min: 0, max: 100, step: 1, value: 0 });
  const pace = makeSelect(PACES.map(([name]) => name), 1);
  const paceLabel = makeLabel("Pace", pace);
  const controls = make("div", { class: "controls" }, button, makeLabel("Position", range), paceLabel);
  range.addEventListener("input", () => {
    pause();
    position = Number(range.value) / 100;
    update();
  });

  function show() {
    const [from, to] = ends.images();
    range.value = String(100 * position);
    const percent = `${Math.round(100 * position)} %`;
    const way = `${percent} of the way from ${points.describe(from)} to ${points.describe(to)}`;
    range.setAttribute("aria-valuetext", way);
    const codes = models.map((_, m) => {
      const [a, b] = [points.code(m, from), points.code(m, to)];
      return a.map((start, i) => (1 - position) * start + position * b[i]);
    });
    stage.walk = { from, to, position };
    stage.picture({ kind: "walk", codes, say: () => `the image decoded ${way}`, position });
    stage.tell("walk");
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

  /** @param {number} now */
  function play(now) {
    // The walk keeps its time however late a frame comes; only a page that slept goes on where it was.
    const seconds = Math.min(Math.max(now - before, 0) / 1000, 0.5);
    before = now;
    position = Math.min(position + seconds / PACES[Number(pace.value)][1], 1);
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

  /** Whoever opens the walk sees it; alone, with nothing to open, it waits to be moved. */
  const opened = () => {
    if (stage.tab !== "walk") return pause();
    update();
  };
  still.addEventListener("change", pause);
  stage.on("tab", opened);
  stage.atEnd(() => {
    cancelAnimationFrame(frame);
    update.cancel();
    films.forEach((film) => film.stop());
    still.removeEventListener("change", pause);
  });
  nameButton();
  ends.show();
  // Films are decoded when they are looked at.
  const root = make("div", { class: "of walk" }, ends.root, controls,
    make("div", { class: "columns" }, ...films.map(({ root: film }) => film)));
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    watcher.disconnect();
    films.forEach((film) => film.fill());
  });
  watcher.observe(root);
  stage.atEnd(() => watcher.disconnect());
  return root;
}

/** The two lists of classes (or of images, where there are none) and the test images at the ends.
    @param {import("./stage.js").Points} points @param {import("./stage.js").Stage} stage
    @param {() => void} changed */
function makeEnds({ names, marked, classes, describe, pixels }, { models }, changed) {
  const ofClass = names.map((_, k) => marked.filter((i) => classes[i] === k));
  const choices = names.length
    ? ofClass.flatMap((images, k) => (images.length ? [{ name: names[k], images }] : []))
    : marked.map((i) => ({ name: describe(i), images: [i] }));
  const ends = ["From", "To"].map((name, side) => {
    const chosen = Math.min(side, choices.length - 1);
    const select = makeSelect(choices.map((choice) => choice.name), chosen);
    const picture = makePicture(models[0], "", "small");
    // The class's second image at the far end: there is a way to walk within one class, too.
    const image = () => {
      const { images } = choices[Number(select.value)];
      return images[Math.min(side, images.length - 1)];
    };
    const show = () => {
      showPicture(picture, pixels(image()));
      picture.setAttribute("aria-label", describe(image()));
    };
    select.addEventListener("change", () => {
      show();
      changed();
    });
    return { root: make("div", { class: "end" }, makeLabel(name, select), picture), image, show };
  });
  return {
    root: make("div", { class: "ends" }, ...ends.map(({ root }) => root)),
    images: () => ends.map(({ image }) => image()),
    show: () => ends.forEach(({ show }) => show()),
  };
}

/** The whole way of one model in a few pictures, with a frame where the walk is.
    @param {import("./stage.js").Stage} stage @param {number} m @param {() => number[]} images */
function makeFilm(stage, m, images) {
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const { name, width, height, decode } = stage.models[m];
  const label = `${name}: ${FILM} images on its way`;
  const canvas = makePicture({ width: FILM * width, height }, label);
  const here = make("div", { class: "here" });
  const root = make("div", { class: "film" }, canvas, here);
  if (!stage.panels.includes("map")) root.prepend(make("div", { class: "name" }, name));
  let stop = () => {};
  function fill() {
    stop();
    const [a, b] = images().map((i) => points.code(m, i));
    let next = 0;
    const end = inSlices(() => {
      const part = next / (FILM - 1);
      const pixels = decode(a.map((start, i) => (1 - part) * start + part * b[i]));
      surface(canvas).putImageData(toImage(pixels, width, height), next * width, 0);
      next += 1;
      return next < FILM;
    });
    stop = () => void end();
  }
  stage.on("walk", () => {
    here.style.left = `${(100 * (FILM - 1) * (stage.walk?.position ?? 0)) / FILM}%`;
  });
  return { root, fill, stop: () => stop() };
}
