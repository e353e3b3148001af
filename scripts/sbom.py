"""Writes SBOMs in CycloneDX 1.6: the crates linked into each function and into the CLI, for each architecture.

usage: sbom.py DIRECTORY

The list comes from `cargo tree`, which resolves as the build does. `cargo metadata` unites the features of all workspace
members and includes build scripts and macros, so the functions would seem to contain crates of the CLI. The same sources
give the same bytes.
"""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
TARGETS = {"x86_64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}
# Packages built together, by scripts/package and `cargo build --package`: cargo unites the features within a build.
BUILDS = [["rule-evaluator", "remediator", "responder", "reporter"], ["portcullis"]]
# Features that are not defaults, by package.
FEATURES = {"rule-evaluator": "lambda", "remediator": "lambda", "responder": "lambda", "reporter": "lambda"}
# UUID namespace of the SBOMs of this project.
NAMESPACE = uuid.UUID("0b0f2c1e-6c1c-5a53-9d0e-6b1f5b0b7c55")

Crate = tuple[str, str]


def cargo(*arguments: str) -> str:
    """Standard output of cargo. Its errors go to standard error."""
    return subprocess.run(["cargo", *arguments], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True).stdout


def trees(packages: list[str], target: str) -> dict[str, dict[Crate, set[Crate]]]:
    """Crates linked into each package, with the dependencies of each crate."""
    selected = [argument for package in packages for argument in ("--package", package)]
    features = [f"{package}/{FEATURES[package]}" for package in packages if package in FEATURES]
    if features:
        selected += ["--features", ",".join(features)]
    options = ["--locked", "--edges", "normal,no-proc-macro", "--target", target, "--prefix", "depth", "--format", "{p}"]
    needs: dict[Crate, set[Crate]] = {}
    roots: list[Crate] = []
    path: list[Crate] = []
    for line in cargo("tree", *selected, *options).splitlines():
        # cargo lists the dependencies of a crate once only, so they are merged.
        match = re.match(r"(\d+)(\S+) v(\S+)", line)
        if not match:
            continue
        depth, crate = int(match[1]), (match[2], match[3])
        del path[depth:]
        needs.setdefault(crate, set())
        if path:
            needs[path[-1]].add(crate)
        else:
            roots.append(crate)
        path.append(crate)
    return {root[0]: reached(root, needs) for root in roots}


def reached(root: Crate, needs: dict[Crate, set[Crate]]) -> dict[Crate, set[Crate]]:
    """Part of the graph that is reachable from a crate."""
    found: dict[Crate, set[Crate]] = {}
    waiting = [root]
    while waiting:
        crate = waiting.pop()
        if crate not in found:
            found[crate] = needs[crate]
            waiting.extend(needs[crate])
    return found


def hashes() -> dict[Crate, str]:
    """SHA-256 of each crate from the registry."""
    entry = re.compile(r'\[\[package\]\]\nname = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "([0-9a-f]{64})"')
    lock = (CHECKOUT / "Cargo.lock").read_text(encoding="utf-8")
    return {(name, version): digest for name, version, digest in entry.findall(lock)}


def reference(crate: Crate) -> str:
    """Package URL of a crate."""
    name, version = crate
    return f"pkg:cargo/{name}@{version.replace('+', '%2B')}"


def component(crate: Crate, kind: str, metadata: dict[str, Any], digest: str | None) -> dict[str, Any]:
    """A crate as a component of CycloneDX."""
    name, version = crate
    about: dict[str, Any] = {"type": kind, "bom-ref": reference(crate), "name": name, "version": version, "purl": reference(crate)}
    if metadata["license"]:
        # Older manifests have a slash for OR.
        about["licenses"] = [{"expression": metadata["license"].replace("/", " OR ")}]
    if digest:
        about["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if metadata["repository"]:
        about["externalReferences"] = [{"type": "vcs", "url": metadata["repository"]}]
    return about


def document(root: str, graph: dict[Crate, set[Crate]], target: str, known: dict[Crate, dict[str, Any]]) -> dict[str, Any]:
    """SBOM of one program."""
    digests = hashes()
    crates = sorted(graph)
    [program] = [crate for crate in crates if crate[0] == root]
    body = {
        "metadata": {
            "component": component(program, "application", known[program], None),
            "properties": [{"name": "cargo:target", "value": target}],
        },
        "components": [component(crate, "library", known[crate], digests.get(crate)) for crate in crates if crate != program],
        "dependencies": [
            {"ref": reference(crate), "dependsOn": [reference(needed) for needed in sorted(graph[crate])]} for crate in crates
        ],
    }
    serial = uuid.uuid5(NAMESPACE, json.dumps(body, sort_keys=True))
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": serial.urn, "version": 1, **body}


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """File names and SBOMs of all programs."""
    packages = json.loads(cargo("metadata", "--format-version", "1", "--locked"))["packages"]
    known = {(package["name"], package["version"]): package for package in packages}
    for architecture, target in TARGETS.items():
        for build in BUILDS:
            for root, graph in trees(build, target).items():
                yield f"{root}-{architecture}.cdx.json", document(root, graph, target, known)


def main() -> int:
    """Writes the files. Returns the exit code."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    schema = JsonStrictValidator(SchemaVersion.V1_6)
    for name, sbom in documents():
        text = json.dumps(sbom, indent=2) + "\n"
        if problem := schema.validate_str(text):
            print(f"error: {name} violates the schema of CycloneDX: {problem}", file=sys.stderr)
            return 1
        (directory / name).write_text(text, encoding="utf-8")
        print(f"{len(sbom['components']):4} components  {directory / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
