"""deny.toml works: each test would fail if it had a mistake."""

import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cargo_deny() -> str:
    """Path of cargo-deny, in the version of the Makefile."""
    version = re.search(r"^CARGO_DENY_VERSION := (\S+)", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    done = subprocess.run([CHECKOUT / "scripts" / "cargo-tool", "cargo-deny", version[1]], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def package(directory: Path, name: str, version: str, *dependencies: tuple[str, str, Path], license_: str = "MIT") -> Path:
    """A crate whose dependencies are paths, so that the registry is not needed."""
    (directory / "src").mkdir(parents=True)
    (directory / "src" / "lib.rs").touch()
    about = [f'name = "{name}"', f'version = "{version}"', 'edition = "2021"', f'license = "{license_}"', "publish = false"]
    paths = [f'{alias} = {{ package = "{real}", path = "{path}" }}' for alias, real, path in dependencies]
    lines = ["[package]", *about, "[dependencies]", *paths]
    (directory / "Cargo.toml").write_text("\n".join(lines) + "\n")
    return directory


def verdict(cargo_deny: str, manifest: Path, *checks: str) -> tuple[int, str]:
    subprocess.run(["cargo", "generate-lockfile", "--quiet", "--offline"], cwd=manifest, check=True)
    command = [cargo_deny, "--offline", "--config", CHECKOUT / "deny.toml", "--manifest-path", manifest / "Cargo.toml", "check", *checks]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_an_ordinary_dependency_passes(cargo_deny: str, tmp_path: Path) -> None:
    harmless = package(tmp_path / "harmless", "harmless", "1.0.0")
    package(tmp_path / "app", "app", "1.0.0", ("harmless", "harmless", harmless))
    code, said = verdict(cargo_deny, tmp_path / "app", "bans", "sources")
    assert code == 0, said


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("openssl", "0.10.82"),
        ("openssl-sys", "0.9.118"),
        ("native-tls", "0.2.18"),
        ("hyper-tls", "0.6.0"),
        ("tokio-native-tls", "0.3.1"),
        ("aws-lc-rs", "1.19.0"),
        ("aws-lc-sys", "0.47.0"),
        ("rustls", "0.21.12"),
        ("hyper", "0.14.32"),
        ("schannel", "0.1.30"),
        ("security-framework", "3.7.0"),
    ],
)
def test_a_second_tls_stack_is_refused(cargo_deny: str, tmp_path: Path, name: str, version: str) -> None:
    banned = package(tmp_path / name, name, version)
    package(tmp_path / "app", "app", "1.0.0", (name, name, banned))
    code, said = verdict(cargo_deny, tmp_path / "app", "bans")
    assert code != 0
    assert f"error[banned]: crate '{name} = {version}'" in said


def test_two_versions_of_rustls_are_refused(cargo_deny: str, tmp_path: Path) -> None:
    versions = [package(tmp_path / version, "rustls", version) for version in ("0.23.46", "0.24.0")]
    package(tmp_path / "app", "app", "1.0.0", ("rustls", "rustls", versions[0]), ("other", "rustls", versions[1]))
    code, said = verdict(cargo_deny, tmp_path / "app", "bans")
    assert code != 0
    assert "error[duplicate]: found 2 duplicate entries for crate 'rustls'" in said


@pytest.mark.parametrize("license_", ["GPL-3.0-only", "AGPL-3.0-or-later", "LGPL-2.1-only", "MPL-2.0", "SSPL-1.0", "BUSL-1.1"])
def test_a_restrictive_licence_is_refused(cargo_deny: str, tmp_path: Path, license_: str) -> None:
    strict = package(tmp_path / "strict", "strict", "1.0.0", license_=license_)
    package(tmp_path / "app", "app", "1.0.0", ("strict", "strict", strict))
    code, said = verdict(cargo_deny, tmp_path / "app", "licenses")
    assert code != 0
    assert "error[rejected]: failed to satisfy license requirements" in said
