"""Firefox and WebKitGTK, driven by the standard protocols: for one look at every feature in each.

Both need their Debian packages (firefox-esr; webkit2gtk-driver and xvfb). Firefox speaks WebDriver
BiDi itself; WebKit's driver speaks the older HTTP protocol. Their actions are the same.
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import websocket


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Driven:
    """A browser with one page. A subclass has ``goto``, ``run`` and ``act``."""

    def wait(self, expression, seconds=60):
        end = time.monotonic() + seconds
        while not self.run(expression):
            assert time.monotonic() < end, f"after {seconds} seconds still not so: {expression}"
            time.sleep(0.1)

    def settle(self):
        time.sleep(0.4)

    def close(self):
        """Let go of what this holds; the browser itself is ended by ``running``."""

    def middle(self, selector):
        """The centre of the first element of those visible, scrolled into view, in the window."""
        script = f"""(() => {{
            const node = [...document.querySelectorAll({json.dumps(selector)})]
                .find((each) => each.getBoundingClientRect().width > 0);
            node.scrollIntoView({{ block: "center" }});
            const {{ left, top, width, height }} = node.getBoundingClientRect();
            return [Math.round(left + width / 2), Math.round(top + height / 2)];
        }})()"""
        return self.run(script)

    def drag(self, selector, dx, dy, steps=4):
        x, y = self.middle(selector)
        moves = [
            {
                "type": "pointerMove",
                "x": x + dx * i // steps,
                "y": y + dy * i // steps,
                "duration": 30,
            }
            for i in range(steps + 1)
        ]
        down, up = ({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))
        self.act([{
            "type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
            "actions": [moves[0], down, *moves[1:], up],
        }])  # fmt: skip
        self.settle()

    def click(self, selector):
        self.drag(selector, 0, 0, steps=1)

    def hover(self, x, y):
        move = {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 30}
        self.act([{
            "type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [move],
        }])  # fmt: skip
        self.settle()


class Firefox(Driven):
    def __init__(self, port, errors):
        self.errors, self.numbers = errors, itertools.count()
        end = time.monotonic() + 60
        while True:
            try:
                self.socket = websocket.create_connection(
                    f"ws://127.0.0.1:{port}/session", timeout=120, suppress_origin=True
                )
                break
            except OSError:
                assert time.monotonic() < end, "Firefox does not answer"
                time.sleep(0.3)
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded"])
        self.context = self.send("browsingContext.getTree")["contexts"][0]["context"]
        self.send(
            "browsingContext.setViewport",
            context=self.context,
            viewport={"width": 1280, "height": 720},
        )

    def send(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv())
            if said.get("method") == "log.entryAdded" and said["params"]["level"] == "error":
                self.errors.append(said["params"]["text"])
            if said.get("id") == number:
                assert said["type"] == "success", said
                return said["result"]

    def close(self):
        self.socket.close()

    def goto(self, address):
        self.send("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def run(self, expression):
        said = self.send(
            "script.evaluate",
            expression=f"JSON.stringify({expression} ?? null)",
            target={"context": self.context},
            awaitPromise=True,
        )
        assert said["type"] == "success", said
        return json.loads(said["result"]["value"])

    def act(self, actions):
        self.send("input.performActions", context=self.context, actions=actions)


class WebKit(Driven):
    def __init__(self, port, errors):
        self.errors, self.address = errors, f"http://127.0.0.1:{port}/session"
        options = {"binary": "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"}
        options["args"] = ["--automation"]
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        end = time.monotonic() + 60
        while True:
            try:
                self.session = self.send("", capabilities=wanted)["sessionId"]
                break
            except OSError:
                assert time.monotonic() < end, "WebKitWebDriver does not answer"
                time.sleep(0.3)
        self.send(f"/{self.session}/window/rect", x=0, y=0, width=1280, height=860)

    def send(self, path, **body):
        request = urllib.request.Request(
            self.address + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def goto(self, address):
        self.send(f"/{self.session}/url", url=address)

    def run(self, expression):
        script = f"return JSON.stringify({expression} ?? null)"
        return json.loads(self.send(f"/{self.session}/execute/sync", script=script, args=[]))

    def act(self, actions):
        self.send(f"/{self.session}/actions", actions=actions)


@contextlib.contextmanager
def running(engine):
    """A ``Driven`` browser, "firefox" or "webkit", and at the end its errors must be none."""
    port, errors = free_port(), []
    with tempfile.TemporaryDirectory() as profile:
        if engine == "firefox":
            program = shutil.which("firefox-esr") or shutil.which("firefox")
            command = [program, "--headless", "--no-remote", "--profile", profile]
            command += ["--remote-debugging-port", str(port)]
        else:
            program = shutil.which("WebKitWebDriver")
            command = ["xvfb-run", "-a", "-s", "-screen 0 1400x1000x24", program, f"--port={port}"]
        if program is None:
            raise RuntimeError(f"these tests need {engine} (see tests/driving.py)")
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            try:
                kind = Firefox if engine == "firefox" else WebKit
                with contextlib.closing(kind(port, errors)) as driven:
                    yield driven
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
    assert not errors, errors
