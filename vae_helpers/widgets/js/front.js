/* The book's first page, which calls this from a script of its own. */

import { mount } from "./latent_explorer.js";

window.showExplorer = (selector, state) => mount(document.querySelector(selector), state, { tour: true });
