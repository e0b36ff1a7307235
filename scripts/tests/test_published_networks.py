"""The published files of the networks, and what their scripts make of data."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT
from networks import agree
from train_languages import LENGTH, STRIDE, articles, encode, shuffled, windows

MODELS = ROOT / "models"


@pytest.mark.parametrize("name", ["diabetes", "digits-gan", "fraud-autoencoder", "languages"])
def test_published_files_are_those_of_their_metrics(name: str) -> None:
    folder = MODELS / name
    hashes = json.loads((folder / "metrics.json").read_text())["sha256"]
    assert set(hashes) == {p.name for p in folder.iterdir()} - {"metrics.json", "README.md"}
    for file, expected in hashes.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == expected, file


def test_texts_become_tokens(tmp_path: Path) -> None:
    (tmp_path / "declaration").mkdir()
    article = "<article data-number='1'><h2>Article 1</h2><p>Alle Menschen&nbsp;sind <b>frei</b>, gleich.</p></article>"
    (tmp_path / "declaration" / "deu.html").write_text("<header>x</header>" + article * 30, encoding="utf-8")
    found = articles(tmp_path, "deu")
    assert found == ["alle menschen sind frei gleich"] * 30
    assert encode("ab z", " ab").tolist() == [2, 3, 1, 0]
    (tmp_path / "declaration" / "one.html").write_text(article, encoding="utf-8")
    with pytest.raises(ValueError, match="1 articles, expected 30"):
        articles(tmp_path, "one")


def test_rows_are_windows_of_one_language() -> None:
    texts = [np.arange(LENGTH + 2 * STRIDE), 1000 + np.arange(LENGTH)]
    rows, labels = windows(texts)
    assert labels.tolist() == [0, 0, 0, 1]
    assert (np.diff(rows, axis=1) == 1).all()
    assert rows[:, 0].tolist() == [0, STRIDE, 2 * STRIDE, 1000]
    words = [np.array([1, 7]), np.array([1, 8, 9])]
    row = shuffled(words, np.random.default_rng(0))
    assert len(row) == LENGTH
    assert set(row.tolist()) <= {1, 7, 8, 9}


def test_exports_that_differ_are_refused() -> None:
    assert agree(Path("x"), np.array([1.0, 2.0]), np.array([1.0, 2.00005])) > 0
    with pytest.raises(RuntimeError, match="differs from the trained network"):
        agree(Path("x"), np.array([1.0]), np.array([1.001]))


def test_pipelines_are_deterministic(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scripts/requirements-trees.txt is not installed")
    pytest.importorskip("skl2onnx", reason="scripts/requirements-trees.txt is not installed")
    script = ROOT / "scripts" / "train_diabetes.py"
    for out in ("a", "b"):
        command = [sys.executable, str(script), "--out", str(tmp_path / out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
