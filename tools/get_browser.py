"""Chromium for the tests of the built book: found, or installed, or a clear error."""

import os
import shutil
import subprocess
import sys

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find():
    return next(filter(None, map(shutil.which, NAMES)), None)


def main():
    if find():
        return
    print("Chromium is not installed; trying to install it …", flush=True)
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if all(map(shutil.which, ["apt-get", *sudo[:1]])):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
            subprocess.run([*sudo, "apt-get", *command], env=environment, check=False)
    if not find():
        sys.exit(
            "the book's tests need Chromium, and it could not be installed. "
            "Install it (on Debian: apt-get install chromium) and run the command again."
        )


if __name__ == "__main__":
    main()
