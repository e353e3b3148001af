"""What the tests of this directory share: they are about the repository itself, its pages, scripts and workflows."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Root of the checkout."""
    return Path(__file__).parents[2]
