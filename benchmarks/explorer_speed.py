"""How long a picture takes: decoded in the browser, by a kernel, and in one call or many.

    python benchmarks/explorer_speed.py

In the browser: the explorer's own networks in headless Chromium, without a GPU, in WebAssembly and in
plain JavaScript, of one model and of ten, with the processor as it is and four times slowed down, which
stands for a phone. By a kernel: a request over ZeroMQ that
decodes one z and answers with its pixels, the least that a slider with a callback in Python would
need. And the 16 × 16 grid of chapter 2: in the browser in slices, and by Keras in one call
of the decoder and in 256.
"""

import ast
import base64
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from recording import conditions, in_turns, options, spread, write_section

from vae_helpers.checkpoints import restore
from vae_helpers.widgets import explorer_state
from vae_helpers.widgets.page import module

ROOT = Path(__file__).parent.parent
WARM_UP = 100
# Times in milliseconds, of pictures at draws of N(0, I): how many zeros a ReLU leaves depends on z.
DECODE = """async ([state, plain, warmUp, rounds]) => {
    const { openModels, showPicture } = await import("/module.js");
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    for (const { decoder } of state.models) decoder.weights = bytes(decoder.weights.base64);
    const models = openModels(state.models, state.dims, { plain });
    if (models[0].fast === plain) throw new Error("the wrong engine");
    const canvases = models.map(({ width, height }) => {
        const canvas = document.body.appendChild(document.createElement("canvas"));
        return Object.assign(canvas, { width, height });
    });
    const normal = () =>
        Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    const times = [];
    for (let i = 0; i < warmUp + rounds; i++) {
        const z = [normal(), normal()];
        const start = performance.now();
        models.forEach((model, m) => showPicture(canvases[m], model.decode(z)));
        times.push(performance.now() - start);
        await new Promise(requestAnimationFrame);
    }
    return times.slice(warmUp);
}"""
# 16 × 16 pictures, as the explorer decodes them: in slices.
GRID = """async ([state, plain]) => {
    const { openModels, inSlices, toImage } = await import("/module.js");
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    for (const { decoder } of state.models) decoder.weights = bytes(decoder.weights.base64);
    const [model] = openModels(state.models, state.dims, { plain });
    const canvas = document.body.appendChild(document.createElement("canvas"));
    Object.assign(canvas, { width: 16 * model.width, height: 16 * model.height });
    const context = canvas.getContext("2d");
    const times = [];
    for (let round = 0; round < 3; round++) {
        const start = performance.now();
        let next = 0;
        await new Promise((done) => inSlices(() => {
            const [x, y] = [next % 16, Math.floor(next / 16)];
            const pixels = model.decode([-4 + (8 * x) / 15, 4 - (8 * y) / 15]);
            context.putImageData(toImage(pixels, model.width, model.height), x * model.width, y * model.height);
            next += 1;
            if (next === 256) done();
            return next < 256;
        }));
        times.push(performance.now() - start);
    }
    return times;
}"""
# What a kernel is told once, and what a slider's callback would then do at each move.
KERNEL_SETUP = """
import base64
from vae_helpers.checkpoints import restore
model = restore("vae", "fashion_mnist")[0]
def picture(*z):
    return base64.b64encode((255 * model.decode([z])).astype("uint8").tobytes()).decode()
"""


def in_browser(pictures, rounds):
    """{what: milliseconds}: one picture and ten, and a grid; {} where there is no Chromium."""
    sys.path += [str(ROOT / "tests"), str(ROOT / "tools")]
    try:
        from browsing import running_chromium, serving
    except ImportError as error:
        print(f"browser: skipped, {error}")
        return {}, {}
    model = restore("vae", "fashion_mnist")[0]
    one, ten = (explorer_state({f"{i}": model for i in range(n)}) for n in (1, 10))
    engines = {"browser": False, "browser, JavaScript": True}
    times, grids = {}, {}
    try:
        with (
            running_chromium() as browser,
            tempfile.TemporaryDirectory() as folder,
            serving(folder) as address,
        ):
            print(f"Chromium {browser.version}")
            Path(folder, "blank.html").write_text(
                "<!doctype html><title>Speed</title><body></body>"
            )
            Path(folder, "module.js").write_text(module())
            for _ in range(rounds):
                for slowdown in (1, 4):
                    for engine, plain in engines.items():
                        slow = f"{engine}{', 4 times slower' if slowdown > 1 else ''}"
                        page = browser.new_page()
                        page.goto(f"{address}/blank.html")
                        session = page.context.new_cdp_session(page)
                        session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
                        for name, state in (("", one), (", ten models", ten)):
                            found = page.evaluate(DECODE, [state, plain, WARM_UP, pictures])
                            times.setdefault(f"{slow}{name}", []).extend(found)
                        grids.setdefault(slow, []).extend(page.evaluate(GRID, [one, plain]))
                        page.close()
    except RuntimeError as error:
        print(f"browser: skipped, {error}")
    return times, grids


def by_kernel(pictures):
    """Milliseconds from sending a request to a kernel to having its answer."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        ask(client, KERNEL_SETUP)
        times = []
        for z in np.random.default_rng(0).standard_normal((WARM_UP + pictures, 2)):
            start = time.perf_counter()
            answer = ask(client, "", {"picture": f"picture({z[0]}, {z[1]})"})
            times.append(1000 * (time.perf_counter() - start))
        pixels = base64.b64decode(ast.literal_eval(answer["picture"]["data"]["text/plain"]))
        assert len(pixels) == 28 * 28
        return times[WARM_UP:]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def ask(client, code, expressions=None):
    sent = client.execute(code, silent=True, user_expressions=expressions or {})
    while True:
        reply = client.get_shell_msg(timeout=300)
        if reply["parent_header"].get("msg_id") == sent:
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"the kernel said: {reply['content'].get('evalue')}")
            return reply["content"]["user_expressions"]


def grid(rounds):
    model = restore("vae", "fashion_mnist")[0]
    axis = np.linspace(-4, 4, 16)
    z = np.array([[x, y] for y in axis for x in axis])
    ways = {
        "one call": lambda: model.decode(z),
        "256 calls": lambda: [model.decode(z[i : i + 1]) for i in range(len(z))],
    }
    return {way: [1000 * s for s in seconds] for way, seconds in in_turns(ways, rounds).items()}


def main():
    chosen = options(__doc__)
    where = conditions()
    pictures, rounds = (10, 1) if chosen.quick else (100, 3)
    decode, filled = in_browser(pictures, rounds)
    decode["kernel"] = by_kernel(pictures * rounds)
    found = {"picture_ms": decode, "grid_ms": {**filled, **grid(2 if chosen.quick else 9)}}
    results = {what: {k: spread(v) for k, v in times.items()} for what, times in found.items()}
    for what, times in results.items():
        for name, value in times.items():
            print(
                f"{what} {name:25} {value['median']:9.2f} ({value['min']:.2f} to {value['max']:.2f})"
            )
    write_section(chosen.record, "explorer", where, results)


if __name__ == "__main__":
    main()
