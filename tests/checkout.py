"""This repository's files, as they are here, committed or not."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*command, cwd=ROOT):
    """What a command prints; where it fails, all that it said."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_files(folder):
    """Copy them into ``folder`` and make it a repository, where nothing is committed yet."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard")
    for name in listed.splitlines():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    run("git", "init", "--quiet", cwd=folder)
