"""scripts/cargo-tool against a test registry: it installs the pinned crate or nothing."""

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
NAME, VERSION = "portcullis-test-tool", "1.2.3"
MANIFEST = f'[package]\nname = "{NAME}"\nversion = "{VERSION}"\nedition = "2021"\nlicense = "MIT"\n'
LOCK = f'version = 4\n\n[[package]]\nname = "{NAME}"\nversion = "{VERSION}"\n'


def crate(says: str) -> bytes:
    """A crate with a program that prints a text, packed as cargo does."""
    files = {"Cargo.toml": MANIFEST, "Cargo.lock": LOCK, "src/main.rs": f'fn main() {{ println!("{says}"); }}\n'}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{NAME}-{VERSION}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


class Registry:
    """A mirror of crates.io with one crate in it."""

    def __init__(self, content: bytes) -> None:
        self.content, self.claims = content, ""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                body = self.answer(handler.path)
                handler.send_response(200 if body else 404)
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> bytes:
        if path == "/config.json":
            return json.dumps({"dl": f"{self.url}/crates/{{crate}}-{{version}}"}).encode()
        if path == f"/{NAME[:2]}/{NAME[2:4]}/{NAME}":
            # The registry returns the matching hash: cargo alone would accept the crate.
            claims = self.claims or sha256(self.content)
            entry = {"name": NAME, "vers": VERSION, "deps": [], "features": {}, "yanked": False, "cksum": claims}
            return json.dumps(entry).encode() + b"\n"
        return self.content if path == f"/crates/{NAME}-{VERSION}" else b""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry(crate("genuine"))
    yield registry
    registry.server.shutdown()


def cargo_tool(registry: Registry, directory: Path, *arguments: str, pinned: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the script with a cargo that is configured for this registry only."""
    home = directory / "cargo-home"
    home.mkdir(exist_ok=True)
    mirror = f'[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+{registry.url}/"\n'
    (home / "config.toml").write_text(mirror)
    (directory / "pins.txt").write_text(f"# name version SHA-256\n{NAME} {VERSION} {pinned}\n" if pinned else "another 1.0.0 00\n")
    # rustup must find the toolchain although the home of cargo is another one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CARGO_REGISTRIES", "CARGO_SOURCE"))}
    environment |= {"CARGO_HOME": str(home), "XDG_CACHE_HOME": str(directory / "cache"), "CARGO_TOOL_PINS": str(directory / "pins.txt")}
    command = [CHECKOUT / "scripts" / "cargo-tool", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_pinned_crate_is_installed_from_a_mirror(registry: Registry, tmp_path: Path) -> None:
    done = cargo_tool(registry, tmp_path, NAME, VERSION, pinned=sha256(registry.content))
    assert done.returncode == 0, done.stderr
    assert subprocess.run([done.stdout.strip()], capture_output=True, text=True, check=True).stdout == "genuine\n"
    # It is installed now, so there is no further request.
    registry.content = b""
    again = cargo_tool(registry, tmp_path, NAME, VERSION, pinned=sha256(crate("genuine")))
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_another_crate_of_that_name_is_not_compiled(registry: Registry, tmp_path: Path) -> None:
    pinned, registry.content = sha256(registry.content), crate("forged")
    done = cargo_tool(registry, tmp_path, NAME, VERSION, pinned=pinned)
    assert done.returncode == 1
    assert sha256(registry.content) in done.stderr
    assert pinned in done.stderr
    assert not list((tmp_path / "cache").rglob("bin/*"))


@pytest.mark.parametrize("version", [VERSION, "1.2.4"])
def test_a_crate_that_is_not_pinned_is_not_installed(registry: Registry, tmp_path: Path, version: str) -> None:
    done = cargo_tool(registry, tmp_path, NAME, version, pinned="" if version == VERSION else sha256(registry.content))
    assert done.returncode == 1
    assert f"scripts/cargo-tool --pin {NAME} {version}" in done.stderr


def test_a_crate_with_another_hash_than_in_the_registry_is_not_compiled(registry: Registry, tmp_path: Path) -> None:
    genuine = sha256(registry.content)
    registry.claims, registry.content = genuine, crate("forged")
    done = cargo_tool(registry, tmp_path, NAME, VERSION, pinned=genuine)
    assert done.returncode != 0
    assert "checksum" in done.stderr
    assert not list((tmp_path / "cache").rglob("bin/*"))


def test_a_version_that_does_not_exist_is_reported(registry: Registry, tmp_path: Path) -> None:
    done = cargo_tool(registry, tmp_path, "--pin", NAME, "9.9.9")
    assert done.returncode != 0
    assert "9.9.9" in done.stderr


def test_a_pin_is_printed(registry: Registry, tmp_path: Path) -> None:
    done = cargo_tool(registry, tmp_path, "--pin", NAME, VERSION)
    assert (done.returncode, done.stdout) == (0, f"{NAME} {VERSION} {sha256(registry.content)}\n"), done.stderr


def test_every_tool_of_the_makefile_is_pinned() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    used = {(name.lower().replace("_", "-"), version) for name, version in re.findall(r"^(\w+)_VERSION := (\S+)$", makefile, re.MULTILINE)}
    lines = (CHECKOUT / "tools" / "cargo-tools.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split() for line in lines if not line.startswith("#")]
    assert used <= {(name, version) for name, version, _ in pins}
    assert used
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for _, _, digest in pins)
    assert [name for name, _, _ in pins] == sorted(name for name, _, _ in pins)
