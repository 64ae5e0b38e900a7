/* A page that is an explorer and nothing else: page.html, which holds its state. */

import { mount } from "./latent_explorer.js";

mount(document.querySelector(".explorer-place"), JSON.parse(document.getElementById("state").textContent));
