// @ts-check
/* What is marked on a map: the pad's image, and the walk's way. */

import { draw } from "./page.js";

/** A line that stands out from coloured points: dark, with white around it.
    @param {string} tag @param {Record<string, any>} attributes */
const haloed = (tag, attributes) =>
  ["halo", "stroke"].map((kind) => draw(tag, { ...attributes, class: kind }));

/** @param {number[]} place @param {import("./map.js").Scale} at */
export const toSquare = ([x, y], at) => [100 * at.left(x), 100 * at.top(y)];

/** Where the pad's image lies: a cross that leaves its middle free, one sigma around it, and the z
    that was drawn there.
    @param {import("./stage.js").Stage} stage @param {number} m @param {import("./map.js").Scale} at */
export function makeMark(stage, m, at) {
  const group = draw("g", { class: "drawn" });
  const { plane } = stage.models[m];
  const show = () => {
    group.replaceChildren();
    if (!stage.drawn || stage.tab !== "pad") return;
    const { mean, logvar } = stage.drawn.codes[m];
    const of = (/** @type {number[]} */ code) => stage.place(m, stage.dims.map((dim) => code[dim]));
    const [cx, cy] = toSquare(of(mean), at);
    // In the plane of more dimensions an ellipse would be turned: there the cross says enough.
    if (logvar.length && !plane) {
      const [rx, ry] = logvar.map((value) => 100 * at.unit * Math.exp(value / 2));
      group.append(...haloed("ellipse", { cx, cy, rx, ry }));
    }
    const arms = [[-5, 0, 3, 0], [2, 0, 3, 0], [0, -5, 0, 3], [0, 2, 0, 3]];
    const d = arms.map(([a, b, c, e]) => `M${cx + a} ${cy + b}l${c} ${e}`).join("");
    group.append(...haloed("path", { d }));
    if (logvar.length) {
      const [x, y] = toSquare(of(stage.drawn.z[m]), at);
      group.append(draw("circle", { cx: x, cy: y, r: 1.5, class: "dot" }));
    }
  };
  for (const what of ["drawn", "tab"]) stage.on(what, show);
  return group;
}

/** The straight walk between two codes, and the point reached on it.
    @param {import("./stage.js").Stage} stage @param {number} m @param {import("./map.js").Scale} at */
export function makeWay(stage, m, at) {
  const points = /** @type {import("./stage.js").Points} */ (stage.points);
  const group = draw("g", { class: "way" });
  const show = () => {
    group.replaceChildren();
    if (!stage.walk || stage.tab !== "walk") return;
    const { from, to, position } = stage.walk;
    const [[x1, y1], [x2, y2]] = [from, to].map((i) => {
      const code = points.code(m, i);
      return toSquare(stage.place(m, stage.dims.map((dim) => code[dim])), at);
    });
    const [cx, cy] = [x1 + position * (x2 - x1), y1 + position * (y2 - y1)];
    group.append(...haloed("line", { x1, y1, x2, y2 }), draw("circle", { cx, cy, r: 1.8, class: "dot" }));
  };
  for (const what of ["walk", "tab"]) stage.on(what, show);
  return group;
}
