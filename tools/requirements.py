"""Print what to install: the pins, the newest versions, or the lowest that pyproject.toml allows.

python tools/requirements.py pinned|newest|floors
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def pins(text):
    """{name: version} of the lines ``name==version`` in a text."""
    lines = (line for line in text.splitlines() if "==" in line and not line.startswith("#"))
    return dict(line.split("==") for line in lines)


def floors():
    """{name: lowest version} of what the package needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return dict(needed.split(">=") for needed in project["dependencies"])


def requirements(kind):
    pinned = (ROOT / "requirements.txt").read_text()
    if kind == "pinned":
        return pinned
    direct = pins(pinned.split("# What these bring along")[0])
    lowest = {name: f"=={version}" for name, version in floors().items() if kind == "floors"}
    lowest["jupyter-book"] = "<2"  # version 2 is another program
    return "".join(f"{name}{lowest.get(name, '')}\n" for name in direct)


if __name__ == "__main__":
    print(requirements(sys.argv[1]), end="")
