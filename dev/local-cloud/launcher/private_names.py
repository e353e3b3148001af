"""Private names of MiniStack and moto that the launcher needs. A new version may lack one of them."""

import importlib
from collections.abc import Iterable, Mapping


def missing(members: Mapping[str, Iterable[str]], methods: Mapping[tuple[str, str], Iterable[str]] | None = None) -> list[str]:
    """Returns the names that the installed version lacks: members of modules, and methods of the classes in them."""
    lacking = []
    of_modules = [((name, None), names) for name, names in members.items()]
    for (name, owner), names in [*of_modules, *(methods or {}).items()]:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            lacking.append(f"{name} ({error})")
            continue
        found, prefix = (getattr(module, owner, None), f"{name}.{owner}") if owner else (module, name)
        lacking += [f"{prefix}.{one}" for one in names if not hasattr(found, one)]
    return lacking
