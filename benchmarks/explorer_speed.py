"""How fast the explorer decodes and draws one picture, and how soon a page of the book is ready.

    python benchmarks/explorer_speed.py

In headless Chromium, without a GPU. Decoding is timed with the processor as it is and four times
slowed down, which stands for a phone. A page of the built book is ready when its last explorer shows
its first picture; each visit starts with an empty cache, from a server on this machine. Figures are
medians.
"""

import argparse
import base64
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from training_speed import cpu_name

from vae_helpers.checkpoints import restore
from vae_helpers.widgets import latent_explorer

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))
from browsing import running_chromium, serving  # noqa: E402

HTML = ROOT / "_build" / "html"
FIRST_PICTURE = ".latent-explorer .pictures canvas[data-z]"
WARM_UP = 100
# Times in milliseconds, of pictures at draws of N(0, I): how many zeros a ReLU leaves depends on z.
DECODE = """async ([facts, weights, warmUp, rounds]) => {
    const { openModel, showPicture } = await import("/module.js");
    const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0));
    facts.decoder.weights = new DataView(bytes.buffer);
    const { width, height, decode } = openModel(facts);
    const canvas = document.body.appendChild(document.createElement("canvas"));
    Object.assign(canvas, { width, height });
    const normal = () =>
        Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    const times = [];
    for (let i = 0; i < warmUp + rounds; i++) {
        const z = [normal(), normal()];
        const start = performance.now();
        showPicture(canvas, decode(z));
        times.push(performance.now() - start);
        await new Promise(requestAnimationFrame);
    }
    return times.slice(warmUp);
}"""


def decode_times(browser, slowdown, rounds):
    """Milliseconds, one for each of ``rounds`` pictures."""
    view = latent_explorer({"VAE": restore("vae", "fashion_mnist")[0]}).view
    facts = view.models[0]
    weights = base64.b64encode(facts["decoder"]["weights"]).decode()
    facts = {**facts, "decoder": {"layers": facts["decoder"]["layers"]}}
    with tempfile.TemporaryDirectory() as folder, browser.new_context() as context:
        Path(folder, "blank.html").write_text("<!doctype html><title>Speed</title><body></body>")
        Path(folder, "module.js").write_text(view._esm)
        with serving(folder) as address:
            page = context.new_page()
            page.goto(f"{address}/blank.html")
            session = context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
            return page.evaluate(DECODE, [facts, weights, WARM_UP, rounds])


def ready_times(browser, address, path, visits):
    """Milliseconds from asking for a page to the first picture of its last explorer."""
    explorers = (HTML / path).read_text().count("jupyter.widget-view+json")
    times = []
    for _ in range(visits):
        with browser.new_context() as context:
            page = context.new_page()
            start = time.perf_counter()
            page.goto(f"{address}/{path}", wait_until="commit")
            page.locator(FIRST_PICTURE).nth(explorers - 1).wait_for(state="attached")
            times.append(1000 * (time.perf_counter() - start))
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=300, help="decoded for each figure")
    parser.add_argument("--visits", type=int, default=5, help="to each page")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures here")
    options = parser.parse_args()

    pages = sorted(HTML.glob("notebooks/*.html"))
    pages = [p.relative_to(HTML).as_posix() for p in pages if "widget-view+json" in p.read_text()]
    found = {"decode_and_draw_ms": {}, "page_ready_ms": {}}
    with running_chromium() as browser:
        conditions = f"Chromium {browser.version}, {os.cpu_count()} × {cpu_name()}"
        print(conditions)
        for slowdown, name in ((1, "plain"), (4, "CPU 4 times slower")):
            times = decode_times(browser, slowdown, options.pictures)
            found["decode_and_draw_ms"][name] = round(median(times), 2)
            print(f"decode and draw, {name}: {median(times):.1f} ms, at most {max(times):.1f} ms")
        if not pages:
            print("page ready: no page with an explorer is built (make book)")
        else:
            with serving(HTML) as address:
                for path in pages:
                    times = ready_times(browser, address, path, options.visits)
                    found["page_ready_ms"][path] = round(median(times))
                    print(f"{path} ready: {median(times) / 1000:.2f} s")
    if options.json:
        text = json.dumps({"conditions": conditions, **found}, indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
