#!/usr/bin/env python3
"""Linear models of scikit-learn in pipelines, as skl2onnx writes them, with what onnxruntime computes of rows.

    pip install -r scripts/requirements-trees.txt
    python scripts/make_classical_cases.py                      # the cases of front/tests/classical

Each case is `NAME.onnx` and a line of `cases.jsonl`: its name, rows of input, and scores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from skl2onnx import to_onnx
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from sklearn.svm import SVR, LinearSVR

Floats = NDArray[np.float32]
ROWS = 60


def cases() -> dict[str, tuple[Any, Floats, NDArray[Any], dict[str, Any]]]:
    """Pipelines, rows, targets and options of the converter."""
    flowers, kinds = load_iris(return_X_y=True)
    patients, progress = load_diabetes(return_X_y=True)
    flowers, patients = flowers.astype(np.float32), (patients * 10).astype(np.float32)
    raw = load_diabetes(scaled=False).data.astype(np.float32)
    two = (kinds == 1).astype(np.int64)
    worse = (progress > np.median(progress)).astype(np.int64)
    names = np.array(["setosa", "versicolor", "virginica"])[kinds]
    columns = ColumnTransformer([("a", StandardScaler(), [2, 0]), ("b", MinMaxScaler(), [3, 1])])
    network = MLPClassifier((8,), max_iter=2000, random_state=1)
    tensors = {"zipmap": False}
    return {
        "logistic": (make_pipeline(StandardScaler(), LogisticRegression()), patients, worse, {}),
        "logistic_tensors": (make_pipeline(RobustScaler(), LogisticRegression()), patients, worse, tensors),
        "logistic_columns": (
            make_pipeline(StandardScaler(), LogisticRegression()),
            flowers,
            two,
            {"zipmap": "columns"},
        ),
        "raw": (make_pipeline(StandardScaler(), LogisticRegression()), raw, worse, {}),
        "raw_linear": (make_pipeline(SimpleImputer(), StandardScaler(), Ridge()), raw, progress, {}),
        "multinomial": (make_pipeline(SimpleImputer(), MinMaxScaler(), LogisticRegression()), flowers, kinds, {}),
        "names": (make_pipeline(MinMaxScaler(clip=True), LogisticRegression()), flowers, names, {}),
        "one_against_rest": (OneVsRestClassifier(LogisticRegression()), flowers, kinds, {}),
        "ridge_classifier": (make_pipeline(StandardScaler(), RidgeClassifier()), flowers, kinds, tensors),
        "descent": (make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=1)), flowers, two, {}),
        "network": (make_pipeline(StandardScaler(), network), flowers, kinds, {}),
        "components": (make_pipeline(StandardScaler(), PCA(2), LogisticRegression()), flowers, kinds, {}),
        "columns": (make_pipeline(columns, LogisticRegression()), flowers, kinds, {}),
        "linear": (make_pipeline(RobustScaler(), LinearRegression()), patients, progress, {}),
        "normalised": (make_pipeline(Normalizer(), Ridge(0.1)), flowers, flowers[:, 0] + 2 * flowers[:, 2], {}),
        "lasso": (make_pipeline(MaxAbsScaler(), Lasso()), patients, progress, {}),
        "support_vectors": (make_pipeline(StandardScaler(), SVR(kernel="linear")), patients, progress, {}),
        "linear_support": (make_pipeline(StandardScaler(), LinearSVR(random_state=1)), patients, progress, {}),
    }


def scores(results: list[Any]) -> NDArray[np.float64]:
    """All results but labels, of several one behind the other."""
    found = []
    for result in results[1:] if len(results) > 1 else results:
        one = [list(row.values()) for row in result] if isinstance(result, list) else result
        found.append(np.asarray(one, np.float64).reshape(len(result), -1))
    return np.concatenate(found, axis=1)


def main() -> None:
    """Writes the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = Path(__file__).resolve().parent.parent / "front" / "tests" / "classical" / "cases"
    parser.add_argument("--out", type=Path, default=folder)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, (model, rows, targets, converter) in cases().items():
        fitted = model.fit(rows, targets)
        classes = hasattr(fitted, "classes_")
        proto = to_onnx(fitted, rows[:1], target_opset={"": 17, "ai.onnx.ml": 3}, options=converter or None)
        (options.out / f"{name}.onnx").write_bytes(proto.SerializeToString())
        chosen = rows[:: max(1, len(rows) // ROWS)][:ROWS]
        session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        found = scores(session.run(None, {session.get_inputs()[0].name: chosen}))
        lines.append(
            {
                "name": name,
                "classes": classes,
                "input": [[round(float(v), 6) for v in row] for row in chosen],
                "output": [[round(float(v), 6) for v in row] for row in found],
            }
        )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (options.out / "cases.jsonl").write_text(text, encoding="utf-8")
    print(f"{len(lines)} cases in {options.out}")


if __name__ == "__main__":
    main()
