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

  /* ipywidgets asks MathJax 2 to set the labels of widgets; the book has MathJax 3, where the same
     wish has another name. */
  window.addEventListener("load", () => {
    const MathJax = window.MathJax;
    if (!MathJax?.typesetPromise || MathJax.Hub) return;
    MathJax.Hub = {
      Queue: ([name, , element]) => {
        if (name === "Typeset") MathJax.typesetPromise([element]);
      },
      Register: { StartupHook: () => {} },
      Configured: () => {},
    };
  });
})();
