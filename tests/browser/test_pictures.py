"""The first screen of the page at three widths, in the light and in the dark, against pictures that were looked at.

The pictures are an eighth of the size: letters become grey, so that other fonts make little of a difference, and a column, a
card or a colour that is elsewhere makes much. UPDATE_PICTURES=1 takes the page as it is now; look at it with SCREENSHOTS=DIR.
"""

import base64
import os
from pathlib import Path

import pytest

PICTURES = Path(__file__).parent / "pictures"
SCREENS = {390: 844, 1024: 768, 1440: 900}
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in SCREENS]
# Share of the picture that may look different.
TOLERANCE = 0.05

SMALL = """async png => {
    const image = new Image();
    image.src = 'data:image/png;base64,' + png;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width / 8, image.height / 8];
    const context = canvas.getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL().split(',')[1];
}"""
DIFFERENCE = """async pngs => {
    const [one, other] = await Promise.all(pngs.map(async png => {
        const image = new Image();
        image.src = 'data:image/png;base64,' + png;
        await image.decode();
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.width, image.height];
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, canvas.width, canvas.height);
    }));
    if (one.width !== other.width || one.height !== other.height) return 1;
    let different = 0;
    for (let at = 0; at < one.data.length; at += 4) {
        different += [0, 1, 2].some(color => Math.abs(one.data[at + color] - other.data[at + color]) > 32) ? 1 : 0;
    }
    return different / (one.width * one.height);
}"""


@pytest.fixture
def paper(browser):
    """A blank page that works on pictures."""
    context = browser.new_context(offline=True)
    yield context.new_page()
    context.close()


def small(paper, page, path: Path | None = None) -> str:
    return paper.evaluate(SMALL, base64.b64encode(page.screenshot(path=path)).decode())


def recorded(scheme: str, width: int) -> str:
    return base64.b64encode((PICTURES / f"{scheme}-{width}.png").read_bytes()).decode()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_page_looks_as_it_did(visit, report, paper, screenshots, scheme, width):
    page = visit(report(), scheme=scheme, width=width, height=SCREENS[width]).page
    now = small(paper, page, screenshots / f"{scheme}-{width}.png")
    if os.environ.get("UPDATE_PICTURES") == "1":
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"{scheme}-{width}.png").write_bytes(base64.b64decode(now))
    different = paper.evaluate(DIFFERENCE, [now, recorded(scheme, width)])
    assert different <= TOLERANCE, f"{different:.0%} of the page look different: compare it with SCREENSHOTS=DIR, UPDATE_PICTURES=1"


@pytest.mark.parametrize(
    "change",
    [
        "document.querySelector('style').remove()",
        "for (const cell of document.querySelectorAll('td.group')) cell.remove()",
        "document.querySelector('main').style.maxWidth = '40rem'",
        "document.documentElement.style.colorScheme = 'light'; document.body.style.background = '#fff'",
    ],
    ids=["no style", "a column less", "narrow", "white on dark"],
)
def test_the_comparison_notices_what_is_wrong(visit, report, paper, change):
    page = visit(report(), scheme="dark", width=1440, height=SCREENS[1440]).page
    assert paper.evaluate(DIFFERENCE, [small(paper, page), recorded("dark", 1440)]) <= TOLERANCE
    page.evaluate(change)
    assert paper.evaluate(DIFFERENCE, [small(paper, page), recorded("dark", 1440)]) > TOLERANCE


def test_the_comparison_allows_other_letters(visit, report, paper):
    page = visit(report(), width=1440, height=SCREENS[1440]).page
    page.evaluate("document.body.style.fontFamily = 'serif'")
    assert paper.evaluate(DIFFERENCE, [small(paper, page), recorded("light", 1440)]) <= TOLERANCE
