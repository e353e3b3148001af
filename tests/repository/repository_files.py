"""The files of the checkout, without what is built, downloaded or written by a run."""

import os
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
# Directories that `make` or a run creates; see .gitignore.
GENERATED = {".git", ".local-cloud", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tools", "__pycache__", "target"}
GENERATED_PATHS = {"docs/book", "dev/fuzz/artifacts", "dev/fuzz/coverage"}


@cache
def paths() -> frozenset[str]:
    """Every file and directory of the checkout, relative to its root, without a slash at the end."""
    found = set()
    for directory, subdirectories, files in os.walk(CHECKOUT):
        here = Path(directory).relative_to(CHECKOUT)
        subdirectories[:] = [name for name in subdirectories if name not in GENERATED and str(here / name) not in GENERATED_PATHS]
        found |= {str(here / name) for name in [*subdirectories, *files]}
    return frozenset(found)
