"""The SBOMs list every crate linked into a program, and no other."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

CHECKOUT = Path(__file__).parents[2]
sys.path.insert(0, str(CHECKOUT / "scripts"))

import sbom  # noqa: E402 - from the directory of scripts

FUNCTIONS = ["rule-evaluator", "remediator", "responder", "reporter"]
NAMES = {f"{program}-{architecture}.cdx.json" for program in [*FUNCTIONS, "portcullis"] for architecture in ("arm64", "x86_64")}


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return dict(sbom.documents())


def names(document: dict[str, Any]) -> set[str]:
    return {component["name"] for component in document["components"]}


def test_there_is_one_for_each_program_and_architecture(documents: dict[str, dict[str, Any]]) -> None:
    assert documents.keys() == NAMES
    package = (CHECKOUT / "scripts" / "package").read_text(encoding="utf-8")
    packaged = re.search(r"^functions=\((.*)\)$", package, re.MULTILINE)
    assert packaged
    assert packaged[1].split() == FUNCTIONS
    assert sbom.BUILDS == [FUNCTIONS, ["portcullis"]]


def test_the_functions_have_the_linked_crates(documents: dict[str, dict[str, Any]]) -> None:
    for program in FUNCTIONS:
        found = names(documents[f"{program}-x86_64.cdx.json"])
        assert {"aws-traits", "exposure", "aws-events", "aws-sdk-ec2", "lambda_runtime", "ring", "rustls", "tokio"} <= found
        # Crates of tests, of macros, and of the CLI for profiles, SSO and roles.
        assert not found & {
            "proptest",
            "insta",
            "rstest",
            "syn",
            "serde_derive",
            "clap",
            "aws-config",
            "aws-sdk-sso",
            "local-cloud",
            "channel-servers",
        }
    command_line = names(documents["portcullis-x86_64.cdx.json"])
    assert {"clap", "aws-config", "findings", "inventory", "reports", "remediation", "routing"} <= command_line


def test_they_match_the_schema_of_cyclonedx(documents: dict[str, dict[str, Any]]) -> None:
    # Only one, because it takes seconds: `make sbom` validates all of them.
    schema = JsonStrictValidator(SchemaVersion.V1_6)
    document = documents["remediator-arm64.cdx.json"]
    assert schema.validate_str(json.dumps(document)) is None
    assert schema.validate_str(json.dumps(document | {"components": [{"type": "crate"}]})) is not None


def test_a_crate_of_one_architecture_is_only_in_its_sbom(documents: dict[str, dict[str, Any]]) -> None:
    one, other = (names(documents[f"portcullis-{architecture}.cdx.json"]) for architecture in ("x86_64", "arm64"))
    for architecture, found in (("x86_64", one - other), ("aarch64", other - one)):
        for name in found:
            targets = ["--target", f"{architecture}-unknown-linux-gnu"]
            tree = subprocess.run(
                ["cargo", "tree", "--locked", "--package", "portcullis", "--edges", "normal", "--invert", name, *targets],
                cwd=CHECKOUT,
                capture_output=True,
                text=True,
                check=True,
            )
            assert "portcullis v" in tree.stdout, name


def test_crates_from_the_registry_have_the_hash_of_the_lock_file(documents: dict[str, dict[str, Any]]) -> None:
    lock = (CHECKOUT / "Cargo.lock").read_text(encoding="utf-8")
    libraries = {
        "aws-traits",
        "aws-adapters",
        "aws-events",
        "channels",
        "exposure",
        "findings",
        "inventory",
        "judgement",
        "plain-text",
        "remediation",
        "reports",
        "routing",
    }
    assert libraries & set(names(documents["portcullis-x86_64.cdx.json"])) == libraries
    # The command line has no queue.
    members = libraries | {"work-queue"}
    for document in documents.values():
        for component in document["components"]:
            if component["name"] in members:
                assert "hashes" not in component
                continue
            [digest] = component["hashes"]
            assert f'version = "{component["version"]}"' in lock
            assert f'checksum = "{digest["content"]}"' in lock
            assert component["licenses"]


def test_the_graph_is_closed_and_every_crate_is_reachable(documents: dict[str, dict[str, Any]]) -> None:
    for name, document in documents.items():
        edges = {entry["ref"]: entry["dependsOn"] for entry in document["dependencies"]}
        assert edges.keys() == {component["bom-ref"] for component in document["components"]} | {
            document["metadata"]["component"]["bom-ref"]
        }
        reached, waiting = set(), [document["metadata"]["component"]["bom-ref"]]
        while waiting:
            reference = waiting.pop()
            if reference not in reached:
                reached.add(reference)
                waiting.extend(edges[reference])
        assert reached == edges.keys(), name


def test_the_same_sources_give_the_same_bytes(documents: dict[str, dict[str, Any]]) -> None:
    assert json.dumps(dict(sbom.documents())) == json.dumps(documents)
    assert len({document["serialNumber"] for document in documents.values()}) == len(documents)
    assert not re.search(r'"timestamp"|/home/|/tmp/|file://', json.dumps(documents))
    assert str(CHECKOUT) not in json.dumps(documents)
