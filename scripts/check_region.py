"""Says before a deployment what the stack lacks in a region.

usage: check_region.py TEMPLATE REGION

Some regions have no remediation in AWS Config. The stack works there, but finds open groups only: *Remediate* and the automatic
mode do not exist. The template lists these regions in its rule AutomaticModeIsAvailable. Prints a warning for such a region, and
nothing for another one; both succeed.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

RULE = "AutomaticModeIsAvailable"


class ListsOnly(yaml.SafeLoader):
    """Reads a template and ignores the short forms of its intrinsic functions."""


ListsOnly.add_multi_constructor("!", lambda loader, suffix, node: None)


def without_remediation(template: dict[str, Any]) -> list[str]:
    """Regions in which AWS Config has no remediation."""
    (assertion,) = template["Rules"][RULE]["Assertions"]
    regions, _ = assertion["Assert"]["Fn::Not"][0]["Fn::Contains"]
    return regions


def main() -> None:
    """Prints a warning if the region lacks something."""
    template, region = sys.argv[1:]
    if region in without_remediation(yaml.load(Path(template).read_text(encoding="utf-8"), ListsOnly)):
        print(
            f"warning: AWS Config has no remediation in {region}: the stack finds open groups there and closes none by itself."
            " Close a group with the document of the stack (output CloseDocumentName); RemediationMode=True is refused",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
