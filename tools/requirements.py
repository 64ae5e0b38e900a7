"""Print what to install: the pins, the newest versions, or the lowest that pyproject.toml allows.

python tools/requirements.py pinned|newest|floors
python tools/requirements.py installed      the pins as they would be with what is installed here
"""

import re
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIVIDER = "# What these bring along\n"


def pins(text):
    """{name: version} of the lines ``name==version`` in a text."""
    lines = (line for line in text.splitlines() if "==" in line and not line.startswith("#"))
    return dict(line.split("==") for line in lines)


def floors():
    """{name: lowest version} of what the package needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return dict(needed.split(">=") for needed in project["dependencies"])


def installed(chosen):
    """The text of requirements.txt: ``chosen``, its upper half, and the rest, with what is installed."""
    here = {re.sub("[-_.]+", "-", d.name).lower(): d.version for d in distributions()}
    upper = re.sub(
        r"^([\w-]+)==.*$", lambda line: f"{line[1]}=={here[line[1]]}", chosen, flags=re.M
    )
    rest = sorted(here.keys() - pins(chosen).keys() - {"pip", "vae-helpers"})
    return upper + DIVIDER + "\n" + "".join(f"{name}=={here[name]}\n" for name in rest)


def requirements(kind):
    pinned = (ROOT / "requirements.txt").read_text()
    if kind == "pinned":
        return pinned
    chosen, divider, _ = pinned.partition(DIVIDER)
    if not divider:
        sys.exit(f"requirements.txt has no line {DIVIDER.strip()!r} below what is chosen by hand")
    if kind == "installed":
        return installed(chosen)
    direct = pins(chosen)
    lowest = {name: f"=={version}" for name, version in floors().items() if kind == "floors"}
    lowest["jupyter-book"] = "<2"  # version 2 is another program
    return "".join(f"{name}{lowest.get(name, '')}\n" for name in direct)


if __name__ == "__main__":
    print(requirements(sys.argv[1]), end="")
