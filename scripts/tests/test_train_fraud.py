"""Training, preprocessing, metrics and the published files of models/fraud."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from conftest import ROOT
from fraud import metrics
from fraud.generator import Generator, nearest
from fraud.mlp import Mlp, sigmoid
from fraud.preprocess import CLIP, COLUMNS, DataError, Preprocessing, read_csv

MODELS = ROOT / "models" / "fraud"
SCRIPT = ROOT / "scripts" / "train_fraud.py"


def toy_csv(path: Path, rows: int = 1600, frauds: int = 160) -> Path:
    """A synthetic set in the layout of the card data; frauds are shifted in half of the columns."""
    rng = np.random.default_rng(7)
    labels = (np.arange(rows) < frauds).astype(int)
    values = rng.normal(size=(rows, 28)) + labels[:, None] * np.where(np.arange(28) % 2, 1.2, 0.0)
    amount = rng.exponential(80.0, rows)
    lines = [",".join(["Time", *COLUMNS, "Class"])]
    for v, a, c in zip(values, amount, labels, strict=True):
        lines.append(",".join(["0", *(f"{x:.9f}" for x in v), f"{a:.2f}", f'"{c}"']))
    path.write_text("\n".join(lines) + "\n")
    return path


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


def test_metrics_by_hand() -> None:
    labels = np.array([0, 0, 1, 1])
    scores = np.array([0.1, 0.4, 0.35, 0.8])
    assert metrics.roc_auc(labels, scores) == 0.75
    # precision 1 at recall 0.5, then 2/3 at recall 1
    assert metrics.average_precision(labels, scores) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert metrics.roc_auc(labels, np.zeros(4)) == 0.5
    assert metrics.average_precision(labels, np.zeros(4)) == 0.5
    assert metrics.at_threshold(labels, scores, 0.4)["precision"] == 0.5


def test_split_is_stratified_and_disjoint() -> None:
    labels = np.repeat([0, 1], [90, 10])
    train, test = metrics.stratified_split(labels, 0.2, np.random.default_rng(0))
    assert labels[test].sum() == 2
    assert len(test) == 20
    assert sorted([*train, *test]) == list(range(100))


def test_gradient_matches_differences() -> None:
    rng = np.random.default_rng(3)
    model = Mlp.initial(rng)
    x, direction = rng.normal(size=(5, 29)), rng.normal(size=(5, 1))
    gradients = model.gradient(model.activations(x), direction)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        at = tuple(int(rng.integers(n)) for n in parameter.shape)
        kept, step = parameter[at], 1e-6
        values = []
        for shift in (step, -step):
            parameter[at] = kept + shift
            values.append(float((model.activations(x)[-1] * direction).sum()))
        parameter[at] = kept
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(gradient[at], rel=1e-4, abs=1e-6)


def test_train_is_deterministic_and_prepare_uses_its_constants(tmp_path: Path) -> None:
    csv = toy_csv(tmp_path / "cards.csv")
    for out in ("a", "b"):
        done = command("--csv", str(csv), "--out", str(tmp_path / out), "--epochs", "8")
        assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {"fraud.onnx", "other.onnx", "calibration.csv", "metrics.json", "preprocessing.json"} <= set(files)
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert json.loads((tmp_path / "a" / "metrics.json").read_text())["held_out"]["roc_auc"] > 0.9

    out = tmp_path / "prepared.csv"
    done = command("--csv", str(csv), "--out", str(tmp_path / "a"), "--prepare", str(out))
    assert done.returncode == 0, done.stderr
    prepared, _ = read_csv_unchecked(out)
    expected = Preprocessing.load(tmp_path / "a" / "preprocessing.json").apply(read_csv(csv, labelled=False)[0])
    assert np.abs(prepared - expected).max() < 1e-5
    assert np.abs(prepared).max() <= CLIP


def test_ternary_training_writes_ternary_weights_only(tmp_path: Path) -> None:
    csv = toy_csv(tmp_path / "cards.csv")
    for out in ("a", "b"):
        done = command("--csv", str(csv), "--out", str(tmp_path / out), "--epochs", "12", "--ternary")
        assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["preprocessing.json", "ternary.metrics.json", "ternary.onnx"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    measured = json.loads((tmp_path / "a" / "ternary.metrics.json").read_text())
    assert measured["held_out"]["roc_auc"] > measured["held_out_float_model"]["roc_auc"] - 0.03
    assert_ternary(tmp_path / "a" / "ternary.onnx")

    done = command("--csv", str(csv), "--out", str(tmp_path / "a"), "--epochs", "1", "--ternary", "--seed", "5")
    assert done.returncode == 1
    assert "another CSV or seed" in done.stderr


def assert_ternary(path: Path) -> None:
    """Every weight is its matrix's scale times -1, 0 or 1, bit for bit."""
    matrices = [numpy_helper.to_array(t) for t in onnx.load(str(path)).graph.initializer if len(t.dims) == 2]
    assert len(matrices) == 3
    for matrix in matrices:
        assert len(np.unique(np.abs(matrix))) == 2, "zero and the scale"
        assert set(np.unique(np.sign(matrix))) == {-1, 0, 1}


def read_csv_unchecked(path: Path) -> tuple[np.ndarray, list[str]]:
    """Prepared rows have negative amounts, which `read_csv` of raw rows refuses."""
    header = path.read_text().splitlines()[0].split(",")
    return np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2), header


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("V1,Class\n1,0\n", "lacks V2"),
        ("", "lacks V1"),
        (",".join([*COLUMNS, "Class"]) + "\n", "no rows"),
        (",".join([*COLUMNS, "Class"]) + "\n1,2\n", ":2: 2 columns"),
        (",".join([*COLUMNS, "Class"]) + "\n" + ",".join(["nan"] + ["0"] * 29) + "\n", "V1 is nan"),
        (",".join([*COLUMNS, "Class"]) + "\n" + ",".join(["x"] + ["0"] * 29) + "\n", "V1 is 'x'"),
        (",".join([*COLUMNS, "Class"]) + "\n" + ",".join(["0"] * 28 + ["-1", "0"]) + "\n", "Amount is -1"),
        (",".join([*COLUMNS, "Class"]) + "\n" + ",".join(["0"] * 29 + ["2"]) + "\n", "Class is 2"),
    ],
)
def test_bad_csv_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_csv(path, labelled=True)


def test_missing_csv_exits_with_one_line(tmp_path: Path) -> None:
    done = command("--csv", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr.startswith("train_fraud: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_generated_rows_are_not_copies(tmp_path: Path) -> None:
    raw, labels = read_csv(toy_csv(tmp_path / "cards.csv"), labelled=True)
    assert labels is not None
    rows = Preprocessing.fit(raw).apply(raw)
    drawn, drawn_labels = Generator.fit(rows, labels).draw(300, 100, np.random.default_rng(1))
    assert nearest(drawn, rows).min() > 0.5
    assert nearest(rows[:10], rows).max() < 1e-6
    assert drawn_labels.sum() == 100
    for value in (0, 1):
        gap = np.abs(drawn[drawn_labels == value].mean(axis=0) - rows[labels == value].mean(axis=0))
        assert gap.max() < 0.4


@pytest.mark.parametrize(
    ("name", "rows"),
    [("calibration.csv", 1600), ("evaluation.csv", 2000), ("samples.csv", 64), ("legit.csv", 1), ("fraud.csv", 1)],
)
def test_published_rows(name: str, rows: int) -> None:
    values, header = read_csv_unchecked(MODELS / name)
    assert header == list(COLUMNS)
    assert values.shape == (rows, 29)
    assert np.abs(values).max() <= CLIP
    recorded = json.loads((MODELS / "metrics.json").read_text())["sha256"][name]
    assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == recorded


@pytest.mark.parametrize("name", ["fraud.onnx", "other.onnx", "ternary.onnx"])
def test_published_models(name: str) -> None:
    metrics_of = "ternary.metrics.json" if name == "ternary.onnx" else "metrics.json"
    recorded = json.loads((MODELS / metrics_of).read_text())
    assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == recorded["sha256"][name]
    proto = onnx.load(str(MODELS / name))
    assert [node.op_type for node in proto.graph.node] == ["Gemm", "Relu", "Gemm", "Relu", "Gemm", "Sigmoid"]
    session = ReferenceEvaluator(proto)
    for file, fraudulent in (("legit.csv", False), ("fraud.csv", True)):
        row = read_csv_unchecked(MODELS / file)[0].astype(np.float32)
        assert (session.run(None, {"columns": row})[0][0, 0] >= 0.5) == fraudulent


def test_the_published_ternary_model_is_ternary_and_as_good() -> None:
    assert_ternary(MODELS / "ternary.onnx")
    measured = json.loads((MODELS / "ternary.metrics.json").read_text())
    floats = json.loads((MODELS / "metrics.json").read_text())["held_out"]
    assert measured["held_out_float_model"] == floats
    assert measured["held_out"]["roc_auc"] > floats["roc_auc"] - 0.005
    assert measured["held_out"]["average_precision"] > floats["average_precision"] - 0.01


def test_published_labels_are_the_scores_of_the_model() -> None:
    session = ReferenceEvaluator(str(MODELS / "fraud.onnx"))
    for name in ("samples", "evaluation"):
        rows = read_csv_unchecked(MODELS / f"{name}.csv")[0].astype(np.float32)
        table = np.loadtxt(MODELS / f"{name}.labels.csv", delimiter=",", skiprows=1)
        assert np.abs(session.run(None, {"columns": rows})[0][:, 0] - table[:, 1]).max() < 1e-5
        assert 0 < table[:, 0].sum() < len(table)


def test_sigmoid_is_stable() -> None:
    assert sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]
