"""What all benchmarks share: turns, spreads, conditions, and one section of the record each.

The record is ``benchmarks/bench.json``: {section: {"conditions", "versions", "results"}}. A script
writes its own section and leaves the others as they are.
"""

import argparse
import datetime
import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from statistics import median

import psutil

from vae_helpers.files import written_whole

RECORD = Path(__file__).parent / "bench.json"
PACKAGES = ("tensorflow", "keras", "numpy", "torch", "jupyter-book", "playwright")
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
BUSY = 0.15  # of the processor, by other work: figures are marked from here on


def options(description, **more):
    """The command line of a script: --quick, --record, and its own choices of parts."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name, settings in more.items():
        parser.add_argument(name, **settings)
    parser.add_argument("--quick", action="store_true", help="see that it runs; writes no record")
    parser.add_argument("--record", type=Path, help="write there (default: benchmarks/bench.json)")
    chosen = parser.parse_args()
    if chosen.record is None and not chosen.quick:
        chosen.record = RECORD
    return chosen


def conditions():
    """When, on what, and beside how much other work: call it before measuring anything."""
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        # The share of the processor that was busy in the two seconds before, with something else.
        "load": round(psutil.cpu_percent(2.0) / 100, 2),
    }


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def gpu():
    """The name of the first GPU, or None. Imports TensorFlow."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not found:
        return None
    return tf.config.experimental.get_device_details(found[0]).get("device_name", "a GPU")


def versions():
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def spread(values, digits=4):
    """Median, smallest and largest of some rounds, to so many significant digits."""
    low, middle, high = (
        float(f"{v:.{digits}g}") for v in (min(values), median(values), max(values))
    )
    return {"median": middle, "min": low, "max": high, "rounds": len(values)}


def untuned(dataset):
    """A tf.data.Dataset without its autotuner, for which the end of a pass can wait (``to_batches``)."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def in_turns(contestants, rounds):
    """Call every contestant once a round, and time the calls: {name: [seconds]}.

    In turns, so that a machine that grows busy or hot slows all of them. One call of each goes
    before, untimed: it traces, compiles and warms up.
    """
    found = {name: [] for name in contestants}
    for contestant in contestants.values():
        contestant()
    for number in range(rounds):
        # Each round starts with another one: none always follows the same neighbour.
        names = list(contestants)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            start = time.perf_counter()
            contestants[name]()
            found[name].append(time.perf_counter() - start)
    return found


def read_record(path=RECORD):
    return json.loads(path.read_text()) if path.exists() else {}


def write_section(path, name, where, results):
    """Put one section into the record at ``path``; without a path nothing is kept.

    ``where`` is what ``conditions`` gave before the measurement.
    """
    if path is None:
        return
    where = {**where, "gpu": gpu()}
    record = read_record(path)
    record[name] = {"conditions": where, "versions": versions(), "results": results}
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    with written_whole(path) as part:
        part.write_text(text)
    print(f"wrote the section {name!r} of {path.name}", flush=True)
