"""Set the repository's address everywhere it stands: make repository URL=https://github.com/you/book

The address stands in _config.yml; this replaces it there and wherever else it occurs, and with it
the address of the published book. Before it is set for the first time nothing is there yet, so what
invites readers there, Colab's links and "Read it", stands in comments.
"""

import re
import subprocess
import sys
from pathlib import Path

import yaml
from page_head import site_address

ROOT = Path(__file__).parent.parent
FORM = r"https://github\.com/[A-Za-z0-9-]+/[\w.-]+"
UNSET = "https://github.com/-unset-/"
INVITATION = re.compile(
    rb"(?:<!-- )?(\[[^\]\n]*\bColab\]\([^)]*\)|\*\*\[Read it\].*?\.(?=\n| -->))(?: -->)?"
)


def address():
    """The address as _config.yml has it."""
    return yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]


def main(new):
    new = new.removesuffix(".git")  # as GitHub gives it for cloning
    if not re.fullmatch(FORM, new):
        sys.exit("the address must look like https://github.com/you/book")
    old, changed = address(), 0
    places = [
        (before.encode(), after.encode())
        for before, after in (
            (site_address(old), site_address(new)),
            (old.removeprefix("https://github.com/"), new.removeprefix("https://github.com/")),
        )
    ]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        sys.exit(f"this must be a clone of the repository: {listed.stderr.strip()}")
    # Files that were deleted are listed too. _config.yml last: until then a second try knows what
    # to look for.
    paths = [ROOT / name for name in listed.stdout.splitlines()]
    for path in sorted(filter(Path.is_file, paths), key=lambda path: path.name == "_config.yml"):
        before = after = path.read_bytes()
        for there, here in places:
            after = after.replace(there, here)
        if path.suffix in (".md", ".ipynb"):
            after = INVITATION.sub(rb"<!-- \1 -->" if new.startswith(UNSET) else rb"\1", after)
        if after != before:
            path.write_bytes(after)
            changed += 1
    print(f"{new}: {changed} files changed")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
