// @ts-check
/* A place in latent space as an address that can be sent: z after the #. */

import { makeButton } from "./page.js";

/** What an address says after #: z=0.5,-1.2, of the first explorer or of the one that it names.
    @param {string} hash @param {number} number @returns {number[] | null} */
export function readAddress(hash, number) {
  const said = new URLSearchParams(hash.slice(1));
  if (!said.get("z") || Number(said.get("explorer") ?? 1) !== number) return null;
  const z = /** @type {string} */ (said.get("z")).split(",").map(Number);
  return z.every(Number.isFinite) ? z : null;
}

/** A button that copies where its explorer stands.
    @param {HTMLElement} el @param {number} number */
export function makeLink(el, number) {
  const button = makeButton("Copy link", async () => {
    const z = JSON.parse(el.dataset.z ?? "[]").join(",");
    const hash = `#z=${z}${number > 1 ? `&explorer=${number}` : ""}`;
    history.replaceState(null, "", hash);
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Copied";
    } catch {
      button.textContent = "It is in the address";
    }
    setTimeout(() => (button.textContent = "Copy link"), 2000);
  });
  button.classList.add("link");
  // An address of JupyterLab's or Colab's leads nobody here.
  const elsewhere = document.querySelector(".jp-Notebook, colab-output-view");
  button.hidden = elsewhere !== null || location.protocol === "blob:";
  return button;
}
