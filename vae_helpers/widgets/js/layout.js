// @ts-check
/* How an explorer is laid out: tabs, strip, squares, and what is said of the map. */

import { makeLink } from "./address.js";
import { openGrids, makeGrid } from "./grid.js";
import { countOutside, makeMap } from "./map.js";
import { make, makeLabel, makeRange } from "./page.js";
import { makePad } from "./pad.js";
import { makeStrip } from "./strip.js";
import { makeWalk } from "./walk.js";

/** @type {Record<string, string>} */
const TABS = { map: "Map", grid: "Grid", walk: "Walk", pad: "Draw" };

/** Put an explorer, the page's first or second …, into `el`: tabs, strip, and below them the squares.
    @param {HTMLElement} el @param {import("./stage.js").Stage} stage
    @param {HTMLElement | null} sliders @param {number} number */
export function layOut(el, stage, sliders, number) {
  const { models, panels, points } = stage;
  const many = models.length > 3 ? "many" : `of-${models.length}`;
  el.classList.add("latent-explorer", many);
  el.classList.toggle("coloured", models[0].channels > 1);
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the arrow keys for its cells
  if (sliders) el.append(sliders);
  el.append(make("div", { class: "bar" }, makeTabs(stage, number), makeLink(el, number)));
  const { dims, latentDim } = stage;
  if (dims.length < latentDim) {
    const known = stage.held;
    const which = known ? "those in which the codes differ most" : "the first";
    const others = known ? "stand at their mean" : "stand at 0";
    el.append(make("div", { class: "note" },
      `Sliders for ${dims.length} of ${latentDim} dimensions, ${which}; the others ${others}.`));
  }
  el.append(makeStrip(stage));
  if (!panels.length) return;

  const needGrid = openGrids(stage);
  const has = (/** @type {string} */ panel) => panels.includes(panel);
  const squares = models.map((model, m) => {
    const caption = make("div", { class: "name" }, model.name);
    const parts = [...(has("map") ? [makeMap(stage, m)] : []), ...(has("grid") ? [makeGrid(stage, m)] : [])];
    return make("div", { class: "cell" }, ...(models.length > 3 ? [caption] : []), ...parts);
  });
  const panel = make("div", { class: "panel" });
  if (panels.length > 1) {
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `explorer-${number}-tab-${stage.tab}`);
  }
  if (has("walk")) panel.append(makeWalk(stage));
  if (points?.epochs.length) panel.append(makeEpochs(stage));
  const body = make("div", { class: "columns squares" }, ...(has("pad") ? [makePad(stage)] : []));
  if (has("map") || has("grid")) body.append(...squares);
  panel.append(body);
  if (has("map")) panel.append(makeNote(stage), makeLegend(stage));
  el.append(panel);

  const showTab = () => {
    el.dataset.tab = stage.tab;
    panel.setAttribute("aria-labelledby", `explorer-${number}-tab-${stage.tab}`);
    look();
  };
  // Grids are decoded when one comes to see them, by themselves or behind a map.
  const seen = models.map(() => false);
  const look = () => seen.forEach((is, m) => {
    const behind = has("map") && stage.tab !== "grid" && stage.backdrop;
    if (is && (behind || stage.tab === "grid")) needGrid(m);
  });
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      seen[squares.indexOf(/** @type {any} */ (target))] = isIntersecting;
    }
    look();
  }, { rootMargin: "100px" });
  for (const square of squares) watcher.observe(square);
  stage.on("backdrop", look);
  stage.on("tab", showTab);
  stage.atEnd(() => watcher.disconnect());
  showTab();
}

/** @param {import("./stage.js").Stage} stage @param {number} number */
function makeTabs(stage, number) {
  const { panels } = stage;
  const list = make("div", { class: "tabs" });
  if (panels.length < 2) return list;
  list.setAttribute("role", "tablist");
  const tabs = panels.map((panel) => {
    const id = `explorer-${number}-tab-${panel}`;
    const tab = make("button", { type: "button", role: "tab", id, class: "tab" }, TABS[panel]);
    tab.addEventListener("click", () => stage.open(panel));
    return tab;
  });
  const show = () => tabs.forEach((tab, i) => {
    const chosen = panels[i] === stage.tab;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  });
  list.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const to = (panels.indexOf(stage.tab) + way + panels.length) % panels.length;
    stage.open(panels[to]);
    tabs[to].focus();
  });
  stage.on("tab", show);
  show();
  list.append(...tabs);
  return list;
}

/** What the points are; at another epoch, what else is of it.
    @param {import("./stage.js").Stage} stage */
function makeNote(stage) {
  const { models, latentDim, lastEpoch } = stage;
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const many = points.classes.length.toLocaleString("en");
  const note = make("div", { class: "note status", "aria-live": "polite" });
  const show = () => {
    const image = stage.hovered ?? stage.chosen;
    if (stage.tab === "grid") note.textContent = "Images decoded at z₁ and z₂ from −4 to 4.";
    else if (stage.epoch !== lastEpoch) {
      const lost = models.map((model, m) => ({ name: model.name, outside: countOutside(stage, m) }))
        .filter(({ outside }) => outside)
        .map(({ name, outside }) =>
          `${name}: ${outside.toLocaleString("en")} of ${many} lie outside this map.`);
      const still = models.filter(({ unfolds }) => !unfolds).map(({ name }) => name);
      const late = still.length
        ? [`The pictures of ${still.join(", ")} are of epoch ${points.epochs[lastEpoch]}.`] : [];
      note.textContent = [`Epoch ${points.epochs[stage.epoch]}.`, ...lost, ...late].join(" ");
    } else if (image !== null) {
      note.textContent = `${points.describe(image)}, and each model's reconstruction.`;
    } else {
      const directions = latentDim > 2 ? ", along the two directions in which they differ most" : "";
      note.textContent = `Codes of ${many} test images${directions}; dashed: one and two σ of N(0, I). ` +
        "Point at a ringed one to see that image; Enter on the handle takes the nearest.";
    }
  };
  for (const what of ["facts", "epoch", "tab"]) stage.on(what, show);
  show();
  return note;
}

/** @param {import("./stage.js").Stage} stage */
function makeEpochs(stage) {
  const { epochs } = /** @type {import("./stage.js").Points} */ (stage.points);
  const range = makeRange({ min: 0, max: stage.lastEpoch, step: 1, value: stage.lastEpoch });
  const number = make("output", { "aria-hidden": true });
  const show = () => {
    range.value = String(stage.epoch);
    number.textContent = String(epochs[stage.epoch]);
    range.setAttribute("aria-valuetext", `epoch ${epochs[stage.epoch]}`);
  };
  range.addEventListener("input", () => stage.setEpoch(Number(range.value)));
  stage.on("epoch", show);
  show();
  return make("div", { class: "of epochs controls" }, makeLabel("Epoch", range), number);
}

/** @param {import("./stage.js").Stage} stage */
function makeLegend(stage) {
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const legend = make("div", { class: "legend of", role: "group", "aria-label": "On the map" });
  const behind = make("button", { type: "button", "aria-pressed": "true", class: "behind" },
    "Decoded grid behind");
  behind.addEventListener("click", () => {
    stage.backdrop = !stage.backdrop;
    behind.setAttribute("aria-pressed", String(stage.backdrop));
    stage.tell("backdrop");
  });
  const classes = points.names.map((name, k) => {
    const dot = make("span", { class: "dot" });
    dot.style.background = points.colors[k % points.colors.length];
    const button = make("button", { type: "button", "aria-pressed": "false" }, dot, name);
    button.addEventListener("click", () => {
      stage.emphasis = stage.emphasis === k ? null : k;
      stage.tell("emphasis");
    });
    return button;
  });
  stage.on("emphasis", () =>
    classes.forEach((button, k) => button.setAttribute("aria-pressed", String(k === stage.emphasis))));
  legend.append(...classes, behind);
  return legend;
}
