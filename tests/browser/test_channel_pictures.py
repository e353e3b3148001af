"""The pictures of what arrives: with the fonts of this machine no text leaves its card, and a dark page changes nothing."""

from pathlib import Path

import pytest

PICTURES = sorted((Path(__file__).parents[2] / "docs" / "channels" / "pictures").glob("*.svg"))

# The texts that end beyond the margin of the card, or above or below it.
OUTSIDE = """() => {
    const card = document.querySelector("rect").getBBox();
    return [...document.querySelectorAll("text")].filter(text => {
        const box = text.getBBox();
        return box.x < 8 || box.x + box.width > card.width - 8 || box.y < 8 || box.y + box.height > card.height - 8;
    }).map(text => text.textContent);
}"""


def test_there_are_pictures_of_all_channels() -> None:
    assert len(PICTURES) == 7


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_no_text_leaves_the_card(visit, screenshots: Path, picture: Path, scheme: str) -> None:
    page = visit(picture, scheme=scheme, width=760, height=1500).page
    assert page.locator("text").count() > 15
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate("getComputedStyle(document.querySelector('rect')).fill") == "rgb(255, 255, 255)"
    page.screenshot(path=screenshots / f"channel-{picture.stem}-{scheme}.png")
