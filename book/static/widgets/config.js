/* Loaded on pages with widgets, between require.js and the widget manager.

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

  // MathJax does one thing at a time.
  let queue = Promise.resolve();
  const typeset = (...parts) => {
    queue = queue.then(() => window.MathJax.typesetPromise(...parts)).catch(console.warn);
    return queue;
  };

  /* All formulae of a page at once keep a phone busy for seconds, in which no widget can be drawn. So
     they are set a few at a time, first those on the screen. Whoever comes to a section, or comes
     back, gets them at once as ever: what is above would move what they came for. */
  const pause = () => new Promise((done) => setTimeout(done));
  async function inParts() {
    const parts = [...document.querySelectorAll("main section > :not(section)")]
      .filter((part) => part.matches(".math") || part.querySelector(".math"));
    const below = parts.filter((part) => part.getBoundingClientRect().bottom > 0);
    const order = [...below, ...parts.filter((part) => !below.includes(part))];
    for (let i = 0; i < order.length; i += 4) {
      await typeset(order.slice(i, i + 4));
      await pause();
    }
    await typeset();
  }
  const [navigation] = performance.getEntriesByType("navigation");
  if (!location.hash && navigation?.type === "navigate") {
    window.MathJax = { ...window.MathJax, startup: { ...window.MathJax?.startup, pageReady: inParts } };
  }

  /* ipywidgets asks MathJax 2 to set the labels of widgets; the book has MathJax 3, where the same
     wish has another name. */
  window.addEventListener("load", () => {
    const MathJax = window.MathJax;
    if (!MathJax?.typesetPromise || MathJax.Hub) return;
    MathJax.Hub = {
      Queue: ([name, , element]) => {
        if (name === "Typeset") typeset([element]);
      },
      Register: { StartupHook: () => {} },
      Configured: () => {},
    };
  });
})();
