"""Training and the published files of models/eligibility."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT
from train_eligibility import COLUMNS, POINTS, Scorecard, corners, draw, eligible, every_input, people

MODELS = ROOT / "models" / "eligibility"
SCRIPT = ROOT / "scripts" / "train_eligibility.py"


def test_published_files_are_those_of_their_metrics() -> None:
    hashes = json.loads((MODELS / "metrics.json").read_text())["sha256"]
    assert set(hashes) == {p.name for p in MODELS.iterdir()} - {"metrics.json", "README.md"}
    for name, expected in hashes.items():
        assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == expected, name


def test_people_are_inside_their_domains() -> None:
    rows = people(5000, np.random.default_rng(7))
    highest = np.array([highest for _, highest, _ in COLUMNS])
    assert (rows >= 0).all()
    assert (rows <= highest).all()
    assert (rows == np.floor(rows)).all()
    assert len(every_input()) == np.prod(highest + 1) == 234_256
    assert len(corners()) == 64


def test_rule() -> None:
    rows = [[18, 3, 1, 0, 0, 0], [17, 3, 1, 0, 0, 0], [18, 2, 1, 0, 0, 0], [18, 3, 0, 0, 0, 0]]
    rows += [[18, 3, 1, 1, 0, 0], [18, 3, 1, 1, 1, 0], [18, 3, 1, 0, 0, 1]]
    assert eligible(np.array(rows, np.float64)).tolist() == [1, 0, 0, 0, 0, 1, 0]


def test_coefficients_are_whole_points() -> None:
    rows, labels = draw(4000, 5)
    card = Scorecard.train(rows, labels)
    assert np.abs(card.points).max() == POINTS
    weights = (card.points * card.step).astype(np.float32).astype(np.float64)
    assert (weights == card.points * card.step).all(), "no coefficient is rounded in the file"
    assert ((card.scores(rows) >= 0.5) == eligible(rows)).mean() > 0.99


def test_train_is_deterministic(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scripts/requirements-trees.txt is not installed")
    pytest.importorskip("skl2onnx", reason="scripts/requirements-trees.txt is not installed")
    for out in ("a", "b"):
        command = [sys.executable, str(SCRIPT), "--out", str(tmp_path / out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(p.name for p in MODELS.iterdir() if p.name != "README.md")
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
