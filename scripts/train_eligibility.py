#!/usr/bin/env python3
"""Train the eligibility models and write everything under models/eligibility.

    python scripts/train_eligibility.py

Columns are small whole numbers, as a civil registry holds them; people and labels are drawn from a generator, and no
register was seen. Same libraries, same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud import metrics

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

# Name, highest value, and what it is; the lowest value is 0.
COLUMNS = (
    ("age", 120, "completed years"),
    ("months_resident", 120, "completed months at the present address, 120 for more"),
    ("citizen", 1, "citizenship"),
    ("felony", 1, "a sentence that takes the vote"),
    ("rights_restored", 1, "the vote given back"),
    ("registered_elsewhere", 1, "on another roll"),
)
NAMES = tuple(name for name, _, _ in COLUMNS)
HIGHEST = np.array([highest for _, highest, _ in COLUMNS], np.float64)
ADULT, SETTLED = 18, 3
# Share of labels that a clerk got wrong.
ERRORS = 0.005
# The scorecard sees of a column whether it is above this.
BINS = np.array([ADULT - 1, SETTLED - 1, 0, 0, 0, 0], np.float64)
# Points of the largest coefficient: what an int8 holds.
POINTS = 127
# Fraction bits of a point's worth, so that every coefficient is an exact float32.
STEP_BITS = 12
RIDGE = 1.0
THRESHOLD = 0.5
TRAIN, EVALUATION, CALIBRATION = (20000, 201), (2000, 202), (400, 203)
DEPTH = 6


def people(count: int, rng: np.random.Generator) -> Array:
    """Rows of a population `(count, 6)`."""
    age = np.clip(np.round(rng.gamma(2.8, 14.0, count)), 0, 110)
    months = np.minimum(np.minimum(np.round(rng.exponential(70.0, count)), 12 * age + 11), 120)
    citizen = rng.random(count) < 0.88
    felony = (rng.random(count) < 0.06) & (age >= 14)
    restored = felony & (rng.random(count) < 0.4)
    elsewhere = (rng.random(count) < 0.05) & (age >= 17)
    return np.column_stack([age, months, citizen, felony, restored, elsewhere]).astype(np.float64)


def eligible(rows: Array) -> Labels:
    """The rule that labels follow."""
    age, months, citizen, felony, restored, elsewhere = rows.T
    may = (age >= ADULT) & (months >= SETTLED) & (citizen == 1) & ((felony == 0) | (restored == 1)) & (elsewhere == 0)
    labels: Labels = may.astype(np.int64)
    return labels


def draw(count: int, seed: int) -> tuple[Array, Labels]:
    """People, and their labels with a clerk's errors."""
    rng = np.random.default_rng(seed)
    rows = people(count, rng)
    labels = eligible(rows)
    wrong = rng.random(count) < ERRORS
    return rows, np.where(wrong, 1 - labels, labels)


def binned(rows: Array) -> Array:
    """1 where a column is above its bin, else 0."""
    out: Array = np.clip(rows - BINS, 0, 1)
    return out


@dataclass(frozen=True)
class Scorecard:
    """A logistic regression whose coefficients are whole points, `step` of log odds each."""

    points: Labels
    offset: int
    step: float

    @staticmethod
    def train(rows: Array, labels: Labels) -> Scorecard:
        """Newton's method with a ridge, then rounding to points."""
        x = np.column_stack([binned(rows), np.ones(len(rows))])
        penalty = np.diag([RIDGE] * (x.shape[1] - 1) + [0.0])
        w = np.zeros(x.shape[1])
        for _ in range(50):
            p = 1.0 / (1.0 + np.exp(-(x @ w)))
            gradient = x.T @ (p - labels) + penalty @ w
            hessian = (x * (p * (1 - p))[:, None]).T @ x + penalty
            move = np.linalg.solve(hessian, gradient)
            w -= move
            if np.abs(move).max() < 1e-12:
                break
        unit = 2.0**-STEP_BITS
        step = float(np.ceil(np.abs(w[:-1]).max() / POINTS / unit) * unit)
        points = np.rint(w / step).astype(np.int64)
        # The largest has all points, so that an integer weight is a point.
        largest = int(np.abs(points[:-1]).argmax())
        points[largest] = POINTS if points[largest] > 0 else -POINTS
        return Scorecard(points[:-1], int(points[-1]), step)

    def scores(self, rows: Array) -> Array:
        """Probabilities."""
        logits = (binned(rows) @ self.points + self.offset) * self.step
        out: Array = 1.0 / (1.0 + np.exp(-logits))
        return out

    def save(self, path: Path) -> None:
        """Sub, Clip, Gemm, Sigmoid: `columns (batch, 6) -> score (batch, 1)`."""
        onnx = import_module("onnx")
        helper, tensor, float32 = onnx.helper, onnx.numpy_helper.from_array, np.float32
        constants = [
            tensor(BINS.astype(float32), "bins"),
            tensor(np.array(0, float32), "no"),
            tensor(np.array(1, float32), "yes"),
            tensor((self.points * self.step).astype(float32)[None, :], "weight"),
            tensor(np.array([self.offset * self.step], float32), "bias"),
        ]
        nodes = [
            helper.make_node("Sub", ["columns", "bins"], ["above"], name="above"),
            helper.make_node("Clip", ["above", "no", "yes"], ["binned"], name="binned"),
            helper.make_node("Gemm", ["binned", "weight", "bias"], ["logit"], name="points", transB=1),
            helper.make_node("Sigmoid", ["logit"], ["score"], name="sigmoid"),
        ]
        floats = onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            nodes,
            "eligibility",
            [helper.make_tensor_value_info("columns", floats, ["batch", len(COLUMNS)])],
            [helper.make_tensor_value_info("score", floats, ["batch", 1])],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="laminate")
        model.ir_version = 8
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(path))


@dataclass(frozen=True)
class Tree:
    """A decision tree of scikit-learn."""

    fitted: Any

    @staticmethod
    def train(rows: Array, labels: Labels) -> Tree:
        trees = import_module("sklearn.tree")
        fitted = trees.DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=40, random_state=1)
        return Tree(fitted.fit(rows.astype(np.float32), labels))

    def scores(self, rows: Array) -> Array:
        """Probabilities."""
        return np.asarray(self.fitted.predict_proba(rows.astype(np.float32))[:, 1], np.float64)

    def save(self, path: Path) -> None:
        """Through skl2onnx."""
        types = import_module("skl2onnx.common.data_types")
        convert = import_module("skl2onnx").convert_sklearn
        inputs = [("columns", types.FloatTensorType([None, len(COLUMNS)]))]
        options = {id(self.fitted): {"zipmap": False}}
        model = convert(self.fitted, "eligibility", inputs, target_opset={"": 17, "ai.onnx.ml": 3}, options=options)
        path.write_bytes(model.SerializeToString())


def corners() -> Array:
    """The ends of all domains: what calibration must have seen."""
    grid = np.array(np.meshgrid(*[[0.0, h] for h in HIGHEST], indexing="ij"), np.float64)
    out: Array = grid.reshape(len(COLUMNS), -1).T
    return out


def every_input() -> Array:
    """All rows of the domains."""
    grid = np.array(np.meshgrid(*[np.arange(h + 1) for h in HIGHEST], indexing="ij"), np.float64)
    out: Array = grid.reshape(len(COLUMNS), -1).T
    return out


def write_rows(path: Path, rows: Array) -> None:
    """Whole numbers with a header."""
    lines = [",".join(str(int(x)) for x in row) for row in rows]
    path.write_text("\n".join([",".join(NAMES), *lines]) + "\n", encoding="utf-8")


def run(out: Path) -> dict[str, Any]:
    """Train both models, write every file, return the metrics."""
    rows, labels = draw(*TRAIN)
    models: dict[str, Scorecard | Tree] = {
        "logistic.onnx": Scorecard.train(rows, labels),
        "tree.onnx": Tree.train(rows, labels),
    }
    out.mkdir(parents=True, exist_ok=True)
    evaluation, evaluation_labels = draw(*EVALUATION)
    calibration, _ = draw(*CALIBRATION)
    examples = {
        "eligible.csv": np.array([[34.0, 40, 1, 0, 0, 0]]),
        "ineligible.csv": np.array([[17.0, 40, 1, 0, 0, 0]]),
    }
    files = {
        "calibration.csv": np.concatenate([corners(), calibration]),
        "evaluation.csv": evaluation,
        **examples,
    }
    for name, values in files.items():
        write_rows(out / name, values)
    columns = [{"name": n, "lowest": 0, "highest": h, "what": what} for n, h, what in COLUMNS]
    (out / "columns.json").write_text(json.dumps(columns, indent=1) + "\n", encoding="utf-8")
    report: dict[str, Any] = {"inputs": len(every_input()), "training_rows": len(rows), "errors_in_labels": ERRORS}
    for name, model in models.items():
        model.save(out / name)
        scores = model.scores(evaluation)
        report[name] = {
            "roc_auc": metrics.roc_auc(evaluation_labels, scores),
            "at_threshold": metrics.at_threshold(evaluation_labels, scores, THRESHOLD),
            "as_the_rule": float(((scores >= THRESHOLD) == eligible(evaluation)).mean()),
        }
        decided = [bool(model.scores(row)[0] >= THRESHOLD) for row in examples.values()]
        if decided != [True, False]:
            raise RuntimeError(f"{name} decides {decided} on the examples, expected the first alone; train longer")
    card = models["logistic.onnx"]
    assert isinstance(card, Scorecard)
    report["scorecard"] = {
        "step": card.step,
        "offset": card.offset,
        "points": dict(zip(NAMES, card.points.tolist(), strict=True)),
    }
    names = sorted(p.name for p in out.iterdir() if p.name not in ("README.md", "metrics.json"))
    report["sha256"] = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}
    (out / "metrics.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=Path, default=root / "models" / "eligibility", help="where the files are written")
    options = parser.parse_args()
    try:
        report = run(options.out)
    except ModuleNotFoundError as error:
        print(f"train_eligibility: {error}; pip install -r scripts/requirements-trees.txt", file=sys.stderr)
        return 1
    except (RuntimeError, ValueError, OSError) as error:
        print(f"train_eligibility: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
