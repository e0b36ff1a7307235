#!/usr/bin/env python3
"""Train two scikit-learn pipelines on raw columns of patients and write everything under models/diabetes.

    pip install -r scripts/requirements-trees.txt
    python scripts/train_diabetes.py

`StandardScaler` and `LogisticRegression` say whether the disease goes on faster than in half of the patients;
`SimpleImputer`, `StandardScaler` and `Ridge` foresee by how much. Both are written by skl2onnx as it does. Same
libraries, same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud import metrics

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

EVALUATION = 150
OPSETS = {"": 17, "ai.onnx.ml": 3}
RIDGE, INVERSE_RIDGE = 10.0, 0.5


def pipelines(rows: Array, labels: Labels, progress: Array) -> dict[str, Any]:
    """Both pipelines, fitted."""
    linear, scaling = import_module("sklearn.linear_model"), import_module("sklearn.preprocessing")
    impute, make = import_module("sklearn.impute"), import_module("sklearn.pipeline").make_pipeline
    logistic = make(scaling.StandardScaler(), linear.LogisticRegression(C=INVERSE_RIDGE))
    ridge = make(impute.SimpleImputer(), scaling.StandardScaler(), linear.Ridge(RIDGE))
    return {"logistic.onnx": logistic.fit(rows, labels), "ridge.onnx": ridge.fit(rows, progress)}


def export(fitted: Any, path: Path, columns: int) -> None:
    """Through skl2onnx, with its own options."""
    types = import_module("skl2onnx.common.data_types")
    inputs = [("columns", types.FloatTensorType([None, columns]))]
    model = import_module("skl2onnx").convert_sklearn(fitted, path.stem, inputs, target_opset=OPSETS)
    # In the order of Python's hashes, which every run has its own of.
    imports = sorted(((o.domain, o.version) for o in model.opset_import), reverse=True)
    for own, (domain, version) in zip(model.opset_import, imports, strict=True):
        own.domain, own.version = domain, version
    path.write_bytes(model.SerializeToString())


def run_onnx(path: Path, rows: Array) -> list[Any]:
    """Outputs by ONNX Runtime."""
    session = import_module("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: list[Any] = session.run(None, {"columns": rows.astype(np.float32)})
    return found


def write_rows(path: Path, names: list[str], rows: Array) -> None:
    """CSV with a header."""
    lines = [",".join(f"{x:g}" for x in row) for row in rows]
    path.write_text("\n".join([",".join(names), *lines]) + "\n", encoding="utf-8")


def run(out: Path, seed: int) -> dict[str, Any]:
    """Train both models, write every file, return the metrics."""
    data = import_module("sklearn.datasets").load_diabetes(scaled=False)
    rows, progress, names = data.data, data.target, list(data.feature_names)
    order = np.random.default_rng(seed).permutation(len(rows))
    held, rest = order[:EVALUATION], order[EVALUATION:]
    middle = float(np.median(progress[rest]))
    labels = (progress > middle).astype(np.int64)
    fitted = pipelines(rows[rest], labels[rest], progress[rest])
    out.mkdir(parents=True, exist_ok=True)
    for name, model in fitted.items():
        export(model, out / name, rows.shape[1])
    scores = fitted["logistic.onnx"].predict_proba(rows[held])[:, 1]
    foreseen = fitted["ridge.onnx"].predict(rows[held])
    found = np.array([row[1] for row in run_onnx(out / "logistic.onnx", rows[held])[1]])
    other = run_onnx(out / "ridge.onnx", rows[held])[0][:, 0]
    drift = {"logistic.onnx": np.abs(found - scores).max(), "ridge.onnx": np.abs(other - foreseen).max() / 100}
    for name, difference in drift.items():
        if difference > 1e-4:
            raise RuntimeError(f"{out / name}: the export differs from the pipeline by {difference:.2e} (> 1e-4)")
    write_rows(out / "calibration.csv", names, rows[rest])
    write_rows(out / "evaluation.csv", names, rows[held])
    write_rows(out / "patient.csv", names, rows[held[:1]])
    results = np.column_stack([labels[held], found, progress[held], other])
    header = ["label", "probability", "progression", "foreseen"]
    write_rows(out / "evaluation.results.csv", header, results)
    true = progress[held]
    variance = float(1.0 - ((foreseen - true) ** 2).sum() / ((true - true.mean()) ** 2).sum())
    report: dict[str, Any] = {
        "median_progression": middle,
        "rows": {"training": len(rest), "evaluation": EVALUATION},
        "logistic.onnx": {
            "roc_auc": metrics.roc_auc(labels[held], scores),
            "at_threshold": metrics.at_threshold(labels[held], scores, 0.5),
        },
        "ridge.onnx": {"variance_explained": variance, "mean_error": float(np.abs(foreseen - true).mean())},
        "onnx_difference": {name: float(difference) for name, difference in drift.items()},
    }
    files = sorted(p.name for p in out.iterdir() if p.name not in ("README.md", "metrics.json"))
    report["sha256"] = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in files}
    (out / "metrics.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=Path, default=root / "models" / "diabetes", help="where the files are written")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        report = run(options.out, options.seed)
    except ModuleNotFoundError as error:
        print(f"train_diabetes: {error}; pip install -r scripts/requirements-trees.txt", file=sys.stderr)
        return 1
    except (RuntimeError, ValueError, OSError) as error:
        print(f"train_diabetes: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
