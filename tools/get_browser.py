"""Browsers for the tests of the built book: found, or installed, or a clear error.

python tools/get_browser.py          Chromium
python tools/get_browser.py all      Firefox and WebKit as well, which `make test-all` looks into
"""

import os
import shutil
import subprocess
import sys

# Debian's packages, and programs of which one must be there.
CHROMIUM = {
    "chromium": (
        "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ),
}  # fmt: skip
OTHERS = {
    "firefox-esr": ("firefox-esr", "firefox"), "webkit2gtk-driver": ("WebKitWebDriver",),
    "xvfb": ("xvfb-run",), "xauth": ("xauth",),
}  # fmt: skip


def find(names=CHROMIUM["chromium"]):
    return next(filter(None, map(shutil.which, names)), None)


def missing(needed):
    return [package for package, names in needed.items() if not find(names)]


def main(needed):
    if not (packages := missing(needed)):
        return
    print(f"Not installed: {', '.join(packages)}; trying to install …", flush=True)
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if all(map(shutil.which, ["apt-get", *sudo[:1]])):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["install", "-y", "-qq", *packages]
        for command in (["update", "-qq"], install):
            subprocess.run([*sudo, "apt-get", *command], env=environment, check=False)
    if packages := missing(needed):
        names = " ".join(packages)
        sys.exit(
            f"the book's tests need {names}, and it could not be installed. "
            f"Install it (on Debian: apt-get install {names}) and run the command again."
        )


if __name__ == "__main__":
    main(CHROMIUM | OTHERS if sys.argv[1:] == ["all"] else CHROMIUM)
