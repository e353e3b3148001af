"""The HTML report in a headless Chromium that has no network."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

CHECKOUT = Path(__file__).parents[2]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Reports:
    """Writes reports, each once."""

    directory: Path
    written: dict[str, Path] = field(default_factory=dict)

    def __call__(self, *numbers: int) -> Path:
        """The page on the groups that the tests have, or on as many invented ones, in as many regions."""
        name = f"report-{'-'.join(map(str, numbers)) or 'all'}.html"
        if name not in self.written:
            built = os.environ.get("REPORT_EXAMPLE")
            command = [built] if built else ["cargo", "run", "--quiet", "--locked", "--package", "reports", "--example", "report", "--"]
            command += ["html", *map(str, numbers)]
            path = self.directory / name
            path.write_bytes(subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE).stdout)
            self.written[name] = path
        return self.written[name]


@dataclass
class Visit:
    """An open page, and what it did that it should not."""

    page: Page
    complaints: list[str]
    requests: list[str]


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """The reports of this run."""
    return Reports(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the screenshots go: SCREENSHOTS, or a temporary directory."""
    directory = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    directory.mkdir(parents=True, exist_ok=True)
    yield directory
    print(f"\nscreenshots: {directory}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser with a new, empty profile."""
    found = subprocess.run([CHECKOUT / "scripts" / "browser"], check=True, stdout=subprocess.PIPE, text=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found.stdout.strip(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator:
    """Opens a file. At the end the page must have asked for nothing else and complained of nothing."""
    visits: list[Visit] = []

    def open_page(path: Path, *, scheme: str = "light", width: int = 1440, height: int = 900, scripts: bool = True) -> Visit:
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": height}, java_script_enabled=scripts, offline=True
        )
        page = context.new_page()
        visit = Visit(page, [], [])
        visits.append(visit)
        page.on("console", lambda message: visit.complaints.append(message.text))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("dialog", lambda dialog: visit.complaints.append(f"dialog: {dialog.message}"))

        def block(route: Route) -> None:
            if route.request.url == path.as_uri():
                route.continue_()
            else:
                visit.requests.append(route.request.url)
                route.abort()

        page.route("**/*", block)
        page.goto(path.as_uri())
        return visit

    yield open_page
    for visit in visits:
        visit.page.context.close()
    assert [visit.complaints for visit in visits if visit.complaints] == []
    assert [visit.requests for visit in visits if visit.requests] == []
