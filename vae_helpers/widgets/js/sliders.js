// @ts-check
/* The sliders: our own, where there is no ipywidgets, and what its own leave unsaid. */

import { make, makeLabel, makeRange, subscript } from "./page.js";

/** One for each dimension that has one.
    @param {import("./stage.js").Stage} stage */
export function makeSliders(stage) {
  const { dims, low, high } = stage;
  const rows = dims.map((dim, i) => {
    const range = makeRange({ min: low, max: high, step: 0.05, value: 0 });
    const number = make("output", { "aria-hidden": true }, "0.00");
    range.addEventListener("input", () => {
      stage.moveTo(stage.z().map((/** @type {number} */ value, /** @type {number} */ k) =>
        (k === i ? Number(range.value) : value)));
    });
    const show = () => {
      const value = stage.z()[i].toFixed(2);
      range.value = value;
      number.textContent = value.replace("-", "−");
      range.setAttribute("aria-valuetext", value);
    };
    stage.on("z", show);
    show();
    return make("div", { class: "slider" }, makeLabel(`z${subscript(dim)}`, range), number);
  });
  return make("div", { class: "sliders" }, ...rows);
}

/** Tell screen readers what ipywidgets, which draws the sliders beside us, leaves out or says badly.
    @param {HTMLElement} el @param {import("./stage.js").Stage} stage */
export function nameSliders(el, { dims, low, high, z }) {
  const box = el.parentElement;
  const handles = box?.querySelectorAll(".noUi-handle, .ui-slider-handle") ?? [];
  if (!box || handles.length !== dims.length) return; // not drawn yet
  box.classList.add("latent-sliders");
  const values = z();
  handles.forEach((handle, i) => {
    const name = `z${subscript(dims[i])}`;
    handle.setAttribute("aria-label", name);
    handle.setAttribute("aria-valuetext", values[i].toFixed(2));
    const slider = handle.closest(".widget-slider");
    slider?.querySelector(".widget-label")?.setAttribute("title", name);
    const readout = slider?.querySelector(".widget-readout");
    readout?.setAttribute("aria-label", `${name} as a number`);
    readout?.setAttribute("role", "textbox");
    if (!handle.matches(".ui-slider-handle")) return;
    // ipywidgets 7, which Colab has, does not even say that it is a slider.
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-valuemin", String(low));
    handle.setAttribute("aria-valuemax", String(high));
    handle.setAttribute("aria-valuenow", values[i].toFixed(2));
  });
}
