"""Takes docs/images/*.png again: Airflow with the demo's DAG and the demo's report, in headless Chromium.

`make screenshots`. The runs in the pictures are of the tests' stub nodes, which fail or refuse as ordered;
the report is the demo's own. Chromium is driven through chromedriver's HTTP interface (W3C WebDriver), so no
Python package is needed for it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.airflow.harness import Airflow, running
from tests.airflow.postgresql import free_port

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
DETECTOR = ROOT / "detectors" / "demo.yaml"
DAG = "retrain_demo"
WIDTH = 1440
TIMEOUT = 240.0
CHROMIUM = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
]
SECTIONS = "[role=dialog] [data-part=item-content]:not([id$=advancedOptions])"
TRIGGER_BUTTON = "[data-testid='trigger-dag-button'], button[aria-label='Trigger Dag']"


class Browser:
    """One WebDriver session."""

    def __init__(self, driver_url: str, profile: str) -> None:
        self.base = driver_url
        options = {"binary": "/usr/bin/chromium", "args": [*CHROMIUM, f"--user-data-dir={profile}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options}
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.base = f"{driver_url}/session/{made['sessionId']}"

    def open(self, url: str) -> None:
        """Goes to a page and waits for it to load."""
        self._call("POST", "/url", {"url": url})

    def run(self, script: str) -> Any:
        """The value that a piece of JavaScript returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": []})

    def click(self, selector: str) -> None:
        """Clicks as a person does: some controls hear no click of a script's."""
        [element] = self._call("POST", "/element", {"using": "css selector", "value": selector}).values()
        self._call("POST", f"/element/{element}/click", {})

    def rename_folders(self, names: dict[Path, str]) -> None:
        """Writes other names for this machine's folders into the page."""
        pairs = json.dumps([[str(folder), name] for folder, name in names.items()])
        self.run(
            "const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);"
            "for (let node; (node = walker.nextNode()); )"
            f" for (const [folder, name] of {pairs}) node.data = node.data.replaceAll(folder, name);"
        )

    def resize(self, height: int, width: int = WIDTH) -> None:
        """Makes the window `width` by `height` pixels large."""
        self._call("POST", "/window/rect", {"width": width, "height": height})

    def show_as(self, scheme: str, width: int, height: int, mobile: bool = False) -> None:
        """Shows pages as a device with such a screen does that asks for `light` or `dark`."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        for command, values in (
            ("Emulation.setDeviceMetricsOverride", screen),
            ("Emulation.setEmulatedMedia", media),
        ):
            self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": values})

    def screenshot(self, file: Path) -> None:
        """Saves what the window shows."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(self._call("GET", "/screenshot")))
        print(f"wrote {file.relative_to(ROOT)}", flush=True)

    def close(self) -> None:
        """Ends the browser."""
        self._call("DELETE", "")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]


@contextlib.contextmanager
def process(argv: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command while the block runs; ends its process group afterwards."""
    with open(log, "wb") as output:
        running = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield running
    finally:
        running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def wait_for(what: str, condition: Callable[[], Any], running: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until `condition` is true; ends the script with the log when it never gets so."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if condition():
                return
        if running.poll() is not None:
            break
        time.sleep(0.5)
    sys.exit(f"{what}: not within {TIMEOUT:.0f} s\n{log.read_text(errors='replace')[-3000:]}")


def text_on_page(*words: str) -> str:
    """JavaScript: whether the page shows all of `words`."""
    return f"const t = document.body.innerText; return {json.dumps(words)}.every(w => t.includes(w))"


def take_form(
    browser: Browser,
    airflow: str,
    folders: dict[Path, str],
    wait: Callable[[str, Callable[[], Any]], None],
) -> None:
    """The graph of the DAG, and the form that triggers it."""
    browser.resize(1000)
    browser.open(f"{airflow}/dags/{DAG}")
    browser.run("localStorage.setItem('default_dag_view', JSON.stringify('graph'))")
    browser.open(f"{airflow}/dags/{DAG}")
    wait("the graph", lambda: browser.run(text_on_page("ExampleGen", "CheckpointConverter", "summary")))
    time.sleep(3)  # the graph moves into place
    browser.screenshot(IMAGES / "dag.png")
    browser.resize(1700)
    wait("the trigger button", lambda: browser.run(f"return !!document.querySelector({TRIGGER_BUTTON!r})"))
    browser.run(f"document.querySelector({TRIGGER_BUTTON!r}).click()")
    wait("the trigger form", lambda: browser.run(text_on_page("Training", "Publication")))
    # A click opens one section and closes the others; the picture shows all of them.
    browser.run(
        f"for (const section of document.querySelectorAll({SECTIONS!r}))"
        " { section.hidden = false; section.style.cssText = 'display: block; height: auto; opacity: 1'; }"
    )
    wait("the form's fields", lambda: browser.run(text_on_page("Training steps", "Run everything anew")))
    time.sleep(2)
    browser.rename_folders(folders)
    browser.screenshot(IMAGES / "trigger.png")


def make_runs(airflow: Airflow) -> dict[str, str]:
    """Runs the demo's DAG four times: published, refused, failed, and published again; run ids by outcome."""
    runs = {}
    for outcome, order in (
        ("published", {}),
        ("refused", {"Pusher": {"exit": 99, "times": 1}}),
        ("failed", {"ExampleGen": {"exit": 78, "times": 1}}),
        ("again", {}),
    ):
        airflow.release()
        for node, orders in order.items():
            airflow.steer(node, **orders)
        run = runs[outcome] = airflow.trigger(DAG)
        wanted = "failed" if outcome == "failed" else "success"
        state = airflow.finished(DAG, run)
        if state != wanted:
            sys.exit(f"the run that should be {outcome} ended with {state}")
    return runs


def take_runs(
    browser: Browser,
    airflow: str,
    runs: dict[str, str],
    folders: dict[Path, str],
    wait: Callable[[str, Callable[[], Any]], None],
) -> None:
    """The grid of all runs, and the pages of one that failed and of one whose model was refused."""
    browser.resize(900)
    browser.open(f"{airflow}/dags/{DAG}")
    browser.run("localStorage.setItem('default_dag_view', JSON.stringify('grid'))")
    for name, page in {
        "grid": f"/dags/{DAG}",
        "failed": f"/dags/{DAG}/runs/{quote(runs['failed'])}/tasks/ExampleGen",
        "refused": f"/dags/{DAG}/runs/{quote(runs['refused'])}",
    }.items():
        browser.open(airflow + page)
        wait(name, lambda: browser.run(text_on_page("ExampleGen", "Pusher")))
        time.sleep(4)  # what comes after the list of tasks: bars, logs
        browser.rename_folders(folders)
        browser.screenshot(IMAGES / f"{name}.png")


def take_broken(
    browser: Browser,
    airflow: Airflow,
    folders: dict[Path, str],
    wait: Callable[[str, Callable[[], Any]], None],
) -> None:
    """What Airflow's first page shows of a detector file with a misspelt key."""
    airflow.add_file("signs.yaml", DETECTOR.read_text(encoding="utf-8").replace("\ntrain:", "\ntrian:"))
    airflow.parse("broken")
    wait("the import error", lambda: airflow.api("GET", "/api/v2/importErrors")["import_errors"])
    browser.resize(620)
    browser.open(f"http://127.0.0.1:{airflow.port}/")
    click = "[...document.querySelectorAll('button')].find(one => one.innerText.includes('Import Error'))"
    wait("the count of import errors", lambda: browser.run(f"return !!{click}"))
    browser.run(f"{click}.click()")
    entry = "[role=dialog] [data-part=item-trigger]"
    wait("the list of import errors", lambda: browser.run(f"return !!document.querySelector({entry!r})"))
    browser.click(entry)
    wait("the import error's text", lambda: browser.run(text_on_page("trian")))
    time.sleep(2)
    browser.rename_folders(folders)
    browser.screenshot(IMAGES / "broken.png")


def take_report(browser: Browser, report: Path) -> None:
    """The demo's report, which `make demo` has written: on a screen, at night, and on a phone."""
    for name, scheme, width, height in (
        ("report", "light", 1180, 1357),
        ("report_dark", "dark", 1180, 1357),
        ("report_phone", "light", 390, 1357),
    ):
        browser.show_as(scheme, width, height, mobile=width < 600)
        browser.open(report.as_uri())
        browser.screenshot(IMAGES / f"{name}.png")


def main() -> None:
    """Starts Airflow and Chromium, takes the pictures, stops both."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing; fix: apt-get install chromium chromium-driver")
    report = Path(os.environ.get("UPCYCLE_HOME") or ROOT / "runs").absolute() / "demo" / "report.html"
    if not report.is_file():
        sys.exit(f"{report} is missing; fix: make demo")
    driver_port = free_port()
    driver = f"http://127.0.0.1:{driver_port}"
    with tempfile.TemporaryDirectory(prefix="upcycle-pictures-") as name:
        folder = Path(name)
        driver_log = folder / "chromedriver.log"
        with running(folder, {}) as airflow:
            airflow.add_file("demo.yaml", DETECTOR.read_text(encoding="utf-8"))
            runs = make_runs(airflow)
            environment = os.environ | {"HOME": name}
            command = ["chromedriver", f"--port={driver_port}"]
            with process(command, environment, driver_log) as chromedriver:

                def wait(what: str, condition: Callable[[], Any]) -> None:
                    wait_for(what, condition, chromedriver, driver_log)

                wait("Chromium", lambda: urllib.request.urlopen(f"{driver}/status", timeout=10))
                browser = Browser(driver, str(folder / "profile"))
                address = f"http://127.0.0.1:{airflow.port}"
                try:
                    folders = {ROOT: "/opt/upcycle", folder: "/srv"}
                    take_runs(browser, address, runs, folders, wait)
                    take_form(browser, address, folders, wait)
                    take_broken(browser, airflow, folders, wait)
                    take_report(browser, report)
                finally:
                    browser.close()


if __name__ == "__main__":
    main()
