"""Training and the published files of models/fraud-trees."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT
from fraud.preprocess import COLUMNS, Preprocessing
from test_train_fraud import toy_csv
from train_fraud_trees import raw_rows

MODELS = ROOT / "models" / "fraud-trees"
SCRIPT = ROOT / "scripts" / "train_fraud_trees.py"


def test_published_files_are_those_of_their_metrics() -> None:
    hashes = json.loads((MODELS / "metrics.json").read_text())["sha256"]
    assert set(hashes) == {p.name for p in MODELS.iterdir()} - {"metrics.json", "README.md"}
    for name, expected in hashes.items():
        assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == expected, name


def test_raw_rows_prepare_to_what_they_were() -> None:
    rng = np.random.default_rng(5)
    raw = np.column_stack([rng.normal(size=(200, 28)), rng.exponential(80.0, 200)])
    preprocessing = Preprocessing.fit(raw)
    back = raw_rows(preprocessing, preprocessing.apply(raw))
    inside = np.abs(preprocessing.apply(raw)) < 6
    assert np.abs(back - raw)[inside].max() < 0.01
    assert (back[:, -1] >= 0).all()
    assert raw.shape[1] == len(COLUMNS)


def test_train_is_deterministic(tmp_path: Path) -> None:
    pytest.importorskip("xgboost", reason="scripts/requirements-trees.txt is not installed")
    pytest.importorskip("lightgbm", reason="scripts/requirements-trees.txt is not installed")
    csv = toy_csv(tmp_path / "cards.csv")
    for out in ("a", "b"):
        command = [sys.executable, str(SCRIPT), "--csv", str(csv), "--out", str(tmp_path / out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(p.name for p in MODELS.iterdir() if p.name != "README.md")
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    report = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert report["xgboost"]["held_out"]["roc_auc"] > 0.9
    assert report["lightgbm"]["held_out"]["roc_auc"] > 0.9
