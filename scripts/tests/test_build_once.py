"""What scripts/test runs builds with one selection of packages and features: another builds all dependencies anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1]
CARGO = re.compile(r"\bcargo (?:build|check|clippy|run|rustc|test)\b.*")


def reached(script: Path, seen: dict[Path, str]) -> dict[Path, str]:
    """Texts of a shell script and of the scripts that it names, without comments, lines joined."""
    if script not in seen:
        text = script.read_text().replace("\\\n", " ")
        seen[script] = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        for name in re.findall(r"scripts/(\w+\.sh)", seen[script]):
            reached(SCRIPTS / name, seen)
    return seen


@pytest.mark.parametrize("script", ["test", "make_fixtures.sh"])
def test_one_selection(script: str) -> None:
    commands = [command for text in reached(SCRIPTS / script, {}).values() for command in CARGO.findall(text)]
    assert commands
    for command in commands:
        assert "--workspace" in command, command
        assert not re.search(r"\s(-p|--package|--features|--all-features|--no-default-features)\b", command), command
        # Without a target that may use dev-dependencies a build leaves their features out.
        if command.startswith(("cargo build", "cargo check", "cargo clippy")):
            assert re.search(r"--all-targets|--examples|--tests", command), command


def test_the_scripts_are_found() -> None:
    names = {path.name for path in reached(SCRIPTS / "test", {})}
    assert {"test", "check_generated.sh", "generate_verifier.sh", "make_embedded.sh", "build_binary.sh"} <= names
