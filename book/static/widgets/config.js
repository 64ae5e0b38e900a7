/* Loaded on pages with widgets, between require.js and the widget manager; it loads MathJax itself.

   The manager would fetch widget classes from a content delivery network. Here they come from the
   book itself, wherever it is published: addresses are worked out from this script's own. */
(() => {
  const here = new URL(".", document.currentScript.src).href;
  const vendor = new URL("../vendor/widgets/", here).href;

  requirejs.config({
    paths: {
      anywidget: `${vendor}anywidget`,
      // The manager looks for its fonts beside the place that this gives it.
      "@jupyter-widgets/html-manager": `${vendor}html-manager`,
      "@jupyter-widgets/html-manager/dist": vendor.slice(0, -1),
    },
  });

  // Where a page has formulae, its settings for MathJax stand above us.
  if (!window.MathJax) return;

  // MathJax does one thing at a time, once it is there.
  let begin;
  let queue = new Promise((done) => (begin = done));
  const typeset = (...parts) => {
    queue = queue.then(() => window.MathJax.typesetPromise(...parts)).catch(console.warn);
    return queue;
  };

  /* MathJax keeps a phone busy for seconds, in which no widget can be drawn. So formulae are set a few
     at a time: those on the screen, and once a widget is drawn the others. Whoever comes to a section,
     or comes back, gets them at once as ever: what is above would move what they came for. */
  const MATH = ".math, .output_area, .tex2jax_process"; // what MathJax looks into
  const LONGEST = 10_000; // milliseconds that formulae wait for a widget
  const pause = (time = 0) => new Promise((done) => setTimeout(done, time));
  async function widgetsFirst() {
    const view = 'script[type="application/vnd.jupyter.widget-view+json"]';
    const waiting = () => document.querySelector(view) && !document.querySelector(".latent-explorer canvas[data-z]");
    while (waiting() && performance.now() < LONGEST) await pause(50);
  }
  const isOnScreen = (part) => {
    const { top, bottom } = part.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  };
  async function inParts() {
    const parts = [...document.querySelectorAll("main section > :not(section)")]
      .filter((part) => part.matches(MATH) || part.querySelector(MATH));
    const onScreen = parts.filter(isOnScreen);
    if (onScreen.length) await typeset(onScreen);
    await widgetsFirst();
    const others = parts.filter((part) => !onScreen.includes(part));
    const below = others.filter((part) => part.getBoundingClientRect().bottom > 0);
    const order = [...below, ...others.filter((part) => !below.includes(part))];
    for (let i = 0; i < order.length; i += 4) {
      await typeset(order.slice(i, i + 4));
      await pause();
    }
    // What stands elsewhere, the contents beside the page for example. Not the whole page once more:
    // that would set everything twice.
    await typeset([...document.querySelectorAll(".math")].filter((part) => !part.querySelector("mjx-container")));
  }
  const [navigation] = performance.getEntriesByType("navigation");
  let touched = false;
  for (const kind of ["wheel", "touchstart", "keydown", "pointerdown"]) {
    addEventListener(kind, () => (touched = true), { once: true, passive: true });
  }
  async function atOnce() {
    await typeset();
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && !touched) target.scrollIntoView();
  }

  /* ipywidgets asks MathJax 2 to set the labels of widgets; the book has MathJax 3, where the same
     wish has another name. It may ask before MathJax is there, and for labels without a formula. */
  const Hub = {
    Queue: ([name, , element]) => {
      if (name === "Typeset" && /[\\$]/.test(element.textContent)) typeset([element]);
    },
    Register: { StartupHook: () => {} },
    Configured: () => {},
  };
  const fresh = !location.hash && navigation?.type === "navigate";
  window.MathJax = {
    ...window.MathJax,
    Hub,
    startup: {
      ready() {
        window.MathJax.Hub = Hub;
        window.MathJax.startup.defaultReady();
      },
      pageReady() {
        begin();
        return fresh ? inParts() : atOnce();
      },
    },
  };
  // The page is read by now. Its tag for MathJax is one that browsers do not run (page_head.py).
  const load = () => {
    const script = document.createElement("script");
    script.src = document.getElementById("mathjax").src;
    document.head.append(script);
  };
  if (fresh && ![...document.querySelectorAll(".math")].some(isOnScreen)) widgetsFirst().then(load);
  else load();
})();
