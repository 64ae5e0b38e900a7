"""Write benchmarks/README.md from the record, benchmarks/bench.json.

python benchmarks/make_readme.py
"""

from pathlib import Path

from recording import BUSY, read_record

README = Path(__file__).parent / "README.md"
NOT_MEASURED = "*not measured*"
TITLES = {
    "python": "Python",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "torch": "PyTorch",
    "numpy": "NumPy",
    "playwright": "Playwright",
    "jupyter-book": "Jupyter Book",
}


def table(head, rows, left=1):
    """A table whose first ``left`` columns are text and the others numbers."""
    marks = ["---"] * left + ["--:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in [head, marks, *rows])


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cells(spread):
    """Median, and smallest and largest of the rounds."""
    return [number(spread["median"]), f"{number(spread['min'])} … {number(spread['max'])}"]


def conditions(section):
    """On what a section was measured, in one paragraph."""
    where, versions = section["conditions"], section["versions"]
    named = ", ".join(f"{TITLES[name]} {versions[name]}" for name in TITLES if name in versions)
    threads = ", ".join(f"{name}={value}" for name, value in where["threads"].items())
    text = (
        f"{where['date']}; {where['cores']} × {where['processor']}, {where['memory_gb']} GB, "
        f"{where['gpu'] or 'no GPU'}; {where['system']}; {named}"
        f"{'; ' + threads if threads else ''}. The processor was busy with other work for "
        f"{100 * where['load']:.0f} % of the time just before."
    )
    if where["load"] > BUSY:
        text += " **So these are figures of a busy machine, not to be quoted.**"
    return text


def training(results):
    rows = [
        [name, row["batch"], *cells(row["images_per_second"])]
        for name, row in sorted(
            results.items(), key=lambda item: -item[1]["images_per_second"]["median"]
        )
    ]
    missing = [name for name in ("PyTorch, eager", "PyTorch, torch.compile") if name not in results]
    rows += [[name, 100, NOT_MEASURED, ""] for name in missing]
    return table(["", "batch", "images/s", "slowest … fastest round"], rows)


def explorer(results):
    names = ("browser", "browser, 4 times slower", "kernel")
    times, grid = results["picture_ms"], results["grid_ms"]
    one, many = (grid[way]["median"] for way in ("one call", "256 calls"))
    return "\n\n".join(
        [
            table(
                ["one picture, by", "ms", "fastest … slowest"],
                [
                    [name, *(cells(times[name]) if name in times else [NOT_MEASURED, ""])]
                    for name in names
                ],
            ),
            table(
                ["the 16 × 16 grid in", "ms", "fastest … slowest"],
                [[way, *cells(times)] for way, times in grid.items()],
            ),
            f"One call is {many / one:.0f} times as fast as 256.",
        ]
    )


def notebooks(results):
    rows = [[name, f"{seconds / 60:.1f}"] for name, seconds in results.items()]
    rows.append(["together", f"{sum(results.values()) / 60:.1f}"])
    return table(["notebook", "minutes"], rows)


def build(results):
    rows = [[name, *(number(v / 60) for v in (r["median"], r["min"], r["max"])), r["rounds"]]
            for name, r in results.items()]  # fmt: skip
    return table(["", "minutes", "fastest", "slowest", "builds"], rows)


# Section: what is said before its figures, and how they are shown.
SECTIONS = {
    "training": (
        """## Training speed

`training_speed.py`: images a second that go through training on Fashion-MNIST. Unless the table says otherwise all train the published network (2 latent dimensions, 69,989 parameters) with Adam at 1e-4 in batches of 100. `tests/book/test_benchmarks.py` holds that the loops written anew, PyTorch's among them, do the same work: as many parameters and, with the same weights and noise, the same loss.

- **this book's fit**: `model.fit(to_batches(…))` as the chapters call it; the VAE, and the MMD-VAE with its smaller encoder;
- **the 2018 manner**: a loop of our own in the manner of the tutorial that this book is after: eager, in float64, with one persistent gradient tape for both networks;
- **TensorFlow's CVAE tutorial**: its loop, batches of 32, one call of a `tf.function` a step;
- **PyTorch**: a plain loop over tensors that lie in memory, without a `DataLoader`, which would slow it down; eager and compiled;
- **keras.io's VAE example**: another, wider network with a dense layer more, in batches of 128, from tf.data as the others. It is no rival, but what a reader of that page would see.

Every contestant lives in a process of its own and sleeps while another runs: two libraries in one process fight over its threads. And all of them read without tf.data's autotuner: in TensorFlow 2.21 the end of a pass can wait for it, up to as long as the pass took. `to_batches` turns it off; who takes the tutorial's loop as it is meets that wait too.""",
        training,
    ),
    "explorer": (
        """## The explorer

`explorer_speed.py`: the time for one picture, in headless Chromium with the explorer's own JavaScript (also with the processor slowed down four times, which stands for a phone), and by a Jupyter kernel, from sending a request to having the decoded pixels: the least that a slider with a callback in Python would need, on the same machine. And the decoder's 16 × 16 grid in one call and in 256.""",
        explorer,
    ),
    "notebooks": (
        """## Minutes for each notebook

`book_speed.py`: each notebook run once from top to bottom, with the settings that are committed, by itself.""",
        notebooks,
    ),
    "build": (
        """## Minutes for the book

`book_speed.py`: `make book` once its environment and its data are there: cold, with every cache removed, which runs all notebooks, two at a time; and warm, right after.""",
        build,
    ),
}

START = """<!-- Written by make_readme.py from bench.json: change those, not this. -->

# Benchmarks

How fast it is, beside what a reader would use instead. Speed is never a test: these figures depend on the machine, and each section says which one. A figure is the median over rounds in which the contestants take turns after a warm-up; beside it stand the slowest and the fastest round.

```
make bench         # training and the explorer
make bench-book    # the book cold and warm, and every notebook in it
```

Let nothing else run meanwhile. Each script also runs by itself, as `python benchmarks/training_speed.py`, in Colab too (from a clone, with this book's helpers installed); `--quick` only shows that it works. Each writes its section of `bench.json` and leaves the others alone; `python benchmarks/make_readme.py` then writes this page. PyTorch takes part where it is installed; the extra `bench` asks for it, and on Linux brings CUDA along, which a CPU build does not."""

END = """## An outside yardstick

`cvae_tutorial.py` trains this book's VAE as TensorFlow's CVAE tutorial does and keeps the test ELBO of each epoch in `vae_study/records/cvae_tutorial.json`; a test holds the last one against the tutorial's. It takes about five minutes, and `make bench` leaves it out.
"""


def readme(record):
    """The page as text; a section that the record lacks is not measured."""
    parts = [START]
    for name, (text, show) in SECTIONS.items():
        parts.append(text)
        if name in record:
            parts += [show(record[name]["results"]), conditions(record[name])]
        else:
            parts.append(NOT_MEASURED)
    return "\n\n".join([*parts, END])


def main():
    README.write_text(readme(read_record()))
    print(f"wrote {README.name}")


if __name__ == "__main__":
    main()
