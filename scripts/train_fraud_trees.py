#!/usr/bin/env python3
"""Train the card-fraud models of trees and write everything under models/fraud-trees.

    python scripts/train_fraud_trees.py --csv creditcard.csv

The CSV is the ULB card-fraud set (columns V1..V28, Amount, Class; Time is not used). The models take the columns as
they are; an empty cell is a missing value. Nothing that is written holds a row of the set: samples come from the
generator of train_fraud.py, and a generated row that is a copy stops the run. Same libraries, same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fraud import metrics
from fraud.generator import COPY_DISTANCE, nearest
from fraud.preprocess import AMOUNT, COLUMNS, DataError, Preprocessing, read_csv
from train_fraud import EVALUATION, SAMPLES, SINGLE_POOL, THRESHOLD, Data, write_metrics

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

ROUNDS = 60
RATE = 0.15
# So few bins that a threshold parts many rows.
BINS = 64
# Share of the cells that are left empty, in training and in the published rows.
EMPTY = 0.02
# Decimals of raw rows on disk; amounts have cents.
DECIMALS = 5


class Model(Protocol):
    """A trained model of one library."""

    def margins(self, rows: Array) -> Array:
        """Sums of leaves of raw rows `(rows, 29)`, log odds of a fraud."""

    def save(self, path: Path) -> None:
        """Writes the library's own format."""


@dataclass(frozen=True)
class XgBoost:
    """XGBoost, `binary:logistic`."""

    booster: Any

    @staticmethod
    def train(rows: Array, labels: Labels, seed: int) -> XgBoost:
        xgb = import_module("xgboost")
        settings = {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "max_bin": BINS,
            "max_depth": 4,
            "min_child_weight": 4,
            "eta": RATE,
            "seed": seed,
            "nthread": 1,
        }
        data = xgb.DMatrix(rows.astype(np.float32), label=labels, feature_names=list(COLUMNS))
        return XgBoost(xgb.train(settings, data, ROUNDS))

    def margins(self, rows: Array) -> Array:
        data = import_module("xgboost").DMatrix(rows.astype(np.float32), feature_names=list(COLUMNS))
        return np.asarray(self.booster.predict(data, output_margin=True), np.float64)

    def save(self, path: Path) -> None:
        self.booster.save_model(str(path))


@dataclass(frozen=True)
class LightGbm:
    """LightGBM, `binary`."""

    booster: Any

    @staticmethod
    def train(rows: Array, labels: Labels, seed: int) -> LightGbm:
        lgb = import_module("lightgbm")
        settings = {
            "objective": "binary",
            "num_leaves": 15,
            "max_bin": BINS,
            "min_data_in_leaf": 12,
            "learning_rate": RATE,
            "seed": seed,
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }
        data = lgb.Dataset(rows.astype(np.float32), label=labels, feature_name=list(COLUMNS))
        return LightGbm(lgb.train(settings, data, ROUNDS))

    def margins(self, rows: Array) -> Array:
        return np.asarray(self.booster.predict(rows.astype(np.float32), raw_score=True), np.float64)

    def save(self, path: Path) -> None:
        self.booster.save_model(str(path))


def raw_rows(preprocessing: Preprocessing, prepared: Array) -> Array:
    """Prepared rows back to the columns as they are, rounded as they are written."""
    raw = prepared * preprocessing.deviation + preprocessing.mean
    raw[:, AMOUNT] = np.maximum(np.expm1(raw[:, AMOUNT]), 0.0)
    out = np.round(raw, DECIMALS)
    out[:, AMOUNT] = np.round(out[:, AMOUNT], 2)
    return out


def emptied(rows: Array, rng: np.random.Generator) -> Array:
    """The rows with some cells left empty."""
    out = rows.copy()
    out[rng.random(rows.shape) < EMPTY] = np.nan
    return out


def probabilities(margins: Array) -> Array:
    out: Array = 1.0 / (1.0 + np.exp(-margins))
    return out


def write_rows(path: Path, rows: Array) -> None:
    """Raw rows with a header; a missing value is an empty cell."""
    cells = [",".join("" if np.isnan(x) else f"{x:.{DECIMALS}f}" for x in row) for row in rows]
    path.write_text("\n".join([",".join(COLUMNS), *cells]) + "\n", encoding="utf-8")


def write_column(path: Path, name: str, values: Array) -> None:
    """Numbers with as many digits as a float64 has."""
    path.write_text("\n".join([name, *(repr(float(v)) for v in values)]) + "\n", encoding="utf-8")


def quality(model: Model, rows: Array, labels: Labels) -> dict[str, Any]:
    """Ranking and threshold metrics of a model on labelled rows."""
    scores = probabilities(model.margins(rows))
    return {
        "rows": len(labels),
        "frauds": int(labels.sum()),
        "roc_auc": metrics.roc_auc(labels, scores),
        "average_precision": metrics.average_precision(labels, scores),
        "at_threshold": metrics.at_threshold(labels, scores, THRESHOLD),
    }


def clearest(model: Model, rows: Array, labels: Labels, label: int) -> Array:
    """The generated row of a class that the model is surest of."""
    of_class: Array = rows[labels == label]
    margins = model.margins(of_class)
    index = int(np.argmax(margins) if label else np.argmin(margins))
    if (margins[index] > 0) != bool(label):
        raise RuntimeError(f"no generated row of class {label} falls on its side; train longer")
    row: Array = of_class[index : index + 1]
    return row


def run(csv: Path, out: Path, seed: int) -> dict[str, Any]:
    """Train both models, write every file, return the metrics."""
    data = Data.read(csv, seed)
    raw, labels = read_csv(csv, labelled=True)
    assert labels is not None
    rng = np.random.default_rng(seed)
    train_rows, train_labels = emptied(raw[data.train_at], rng), labels[data.train_at]
    models: dict[str, Model] = {
        "xgboost.json": XgBoost.train(train_rows, train_labels, seed),
        "lightgbm.txt": LightGbm.train(train_rows, train_labels, seed),
    }
    held_out, held_labels = raw[data.test_at], labels[data.test_at]

    def draw(kind: tuple[int, int, int]) -> tuple[Array, Array, Labels]:
        prepared, drawn = data.generator.draw(*kind[:2], np.random.default_rng(kind[2]))
        return prepared, raw_rows(data.preprocessing, prepared), drawn

    out.mkdir(parents=True, exist_ok=True)
    evaluation, samples, pool = draw(EVALUATION), draw(SAMPLES), draw(SINGLE_POOL)
    distances = nearest(np.concatenate([d[0] for d in (evaluation, samples, pool)]), data.rows)
    if distances.min() < COPY_DISTANCE:
        raise RuntimeError(f"a generated row lies {distances.min():.4f} from an original one (< {COPY_DISTANCE})")
    first = models["xgboost.json"]
    files = {
        "evaluation.csv": emptied(evaluation[1], rng),
        "samples.csv": emptied(samples[1], rng),
        "legit.csv": clearest(first, pool[1], pool[2], 0),
        "fraud.csv": clearest(first, pool[1], pool[2], 1),
    }
    for name, rows in files.items():
        write_rows(out / name, rows)
    report: dict[str, Any] = {
        "training": data.training(),
        "empty_cells": EMPTY,
        "published_to_original_min": float(distances.min()),
    }
    for name, model in models.items():
        model.save(out / name)
        library = name.partition(".")[0]
        write_column(out / f"evaluation.{library}.csv", "margin", model.margins(files["evaluation.csv"]))
        report[library] = {
            "version": import_module(library).__version__,
            "held_out": quality(model, held_out, held_labels),
            "held_out_with_empty_cells": quality(model, emptied(held_out, np.random.default_rng(106)), held_labels),
            "generated_evaluation": quality(model, files["evaluation.csv"], evaluation[2]),
        }
    names = sorted(path.name for path in out.iterdir() if path.suffix in (".csv", ".json", ".txt"))
    report["sha256"] = {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names if name != "metrics.json"
    }
    write_metrics(out / "metrics.json", report)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--csv", type=Path, required=True, help="ULB card-fraud CSV")
    parser.add_argument("--out", type=Path, default=root / "models" / "fraud-trees", help="where the files are written")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        report = run(options.csv, options.out, options.seed)
    except ModuleNotFoundError as error:
        print(f"train_fraud_trees: {error}; pip install -r scripts/requirements-trees.txt", file=sys.stderr)
        return 1
    except (DataError, RuntimeError, ValueError, OSError) as error:
        print(f"train_fraud_trees: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
