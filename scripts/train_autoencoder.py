#!/usr/bin/env python3
"""Train the autoencoder of models/fraud-autoencoder, whose reconstruction error says how unusual a card payment is.

    pip install -r scripts/requirements-digits.txt
    python scripts/train_autoencoder.py --csv creditcard.csv

The columns are those of models/fraud, prepared with its constants, and so are calibration and evaluation rows. Only
legitimate payments are trained on. Same CSV, same libraries, same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from sklearn.neural_network import MLPRegressor

from fraud import metrics
from fraud.preprocess import DataError, Preprocessing, read_csv

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

OPSET = 17
IR_VERSION = 8
HIDDEN = (16, 6, 16)
HELD_OUT = 0.25
# Share of legitimate training payments whose error is below the threshold.
USUAL = 0.99


class Autoencoder:
    """29-16-6-16-29 with ReLU, of scikit-learn."""

    def __init__(self, rows: Array, seed: int) -> None:
        fitted = MLPRegressor(
            hidden_layer_sizes=HIDDEN, alpha=1e-4, learning_rate_init=2e-3, max_iter=400, tol=1e-6, random_state=seed
        )
        fitted.fit(rows, rows)
        self.weights: list[Array] = [w.T for w in fitted.coefs_]
        self.biases: list[Array] = list(fitted.intercepts_)

    def errors(self, rows: Array) -> Array:
        """Mean square of what is not reconstructed, a number a row."""
        x = rows
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ w.T + b
            if layer + 1 < len(self.weights):
                x = np.maximum(x, 0.0)
        out: Array = ((rows - x) ** 2).mean(axis=1)
        return out

    def to_onnx(self) -> onnx.ModelProto:
        """`columns (batch, 29) -> error (batch, 1)`."""
        nodes, tensors, x = [], [], "columns"
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True), start=1):
            names = [f"dense{layer}.weight", f"dense{layer}.bias"]
            tensors += [numpy_helper.from_array(p.astype(np.float32), n) for p, n in zip((w, b), names, strict=True)]
            nodes.append(helper.make_node("Gemm", [x, *names], [f"d{layer}"], name=f"dense{layer}", transB=1))
            x = f"d{layer}"
            if layer < len(self.weights):
                nodes.append(helper.make_node("Relu", [x], [f"r{layer}"], name=f"relu{layer}"))
                x = f"r{layer}"
        nodes += [
            helper.make_node("Sub", ["columns", x], ["rest"], name="rest"),
            helper.make_node("Mul", ["rest", "rest"], ["square"], name="square"),
            helper.make_node("ReduceMean", ["square"], ["error"], name="error", axes=[1], keepdims=1),
        ]
        width = len(self.biases[-1])
        graph = helper.make_graph(
            nodes,
            "fraud-autoencoder",
            [helper.make_tensor_value_info("columns", TensorProto.FLOAT, ["batch", width])],
            [helper.make_tensor_value_info("error", TensorProto.FLOAT, ["batch", 1])],
            tensors,
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="laminate")
        proto.ir_version = IR_VERSION
        onnx.checker.check_model(proto, full_check=True)
        return proto


def quality(labels: Labels, errors: Array, threshold: float) -> dict[str, Any]:
    """Ranking, and what the threshold finds."""
    return {
        "rows": len(labels),
        "frauds": int(labels.sum()),
        "roc_auc": metrics.roc_auc(labels, errors),
        "average_precision": metrics.average_precision(labels, errors),
        "at_threshold": metrics.at_threshold(labels, errors, threshold),
    }


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train, export, compare the export with the network, measure."""
    fraud = options.fraud
    raw, labels = read_csv(options.csv, labelled=True)
    assert labels is not None
    rows = Preprocessing.load(fraud / "preprocessing.json").apply(raw)
    train_at, test_at = metrics.stratified_split(labels, HELD_OUT, np.random.default_rng(options.seed))
    usual = rows[train_at][labels[train_at] == 0]
    model = Autoencoder(usual, options.seed)
    threshold = float(np.round(np.quantile(model.errors(usual), USUAL), 2))
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "autoencoder.onnx"
    onnx.save(model.to_onnx(), str(path))
    evaluation = np.loadtxt(fraud / "evaluation.csv", delimiter=",", skiprows=1)
    generated = np.loadtxt(fraud / "evaluation.labels.csv", delimiter=",", skiprows=1)[:, 0].astype(np.int64)
    found: Any = ReferenceEvaluator(str(path)).run(None, {"columns": evaluation.astype(np.float32)})
    expected = model.errors(evaluation)
    drift = float((np.abs(found[0][:, 0] - expected) / (1.0 + expected)).max())
    if drift > 1e-4:
        raise RuntimeError(f"{path}: the exported graph differs from the trained network by {drift:.2e} (> 1e-4)")
    report = {
        "network": "29-16-6-16-29",
        "parameters": sum(p.size for p in (*model.weights, *model.biases)),
        "training": {"rows": len(usual)},
        "threshold": threshold,
        "held_out": quality(labels[test_at], model.errors(rows[test_at]), threshold),
        "generated_evaluation": quality(generated, expected, threshold),
        "onnx_error_difference": drift,
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
    }
    (options.out / "metrics.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    models = Path(__file__).resolve().parent.parent / "models"
    parser.add_argument("--csv", type=Path, required=True, help="ULB card-fraud CSV")
    parser.add_argument("--fraud", type=Path, default=models / "fraud", help="the files of models/fraud")
    parser.add_argument("--out", type=Path, default=models / "fraud-autoencoder", help="where the files are written")
    parser.add_argument("--seed", type=int, default=1)
    try:
        report = run(parser.parse_args())
    except (DataError, RuntimeError, OSError) as error:
        print(f"train_autoencoder: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
