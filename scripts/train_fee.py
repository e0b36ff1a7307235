#!/usr/bin/env python3
"""Train the fee model of the example hook and write everything under models/fee.

    python scripts/train_fee.py

Eight changes of a pool's price in ticks, oldest first, give a fee in hundredths of a basis point. Prices are drawn from
a generator; no market was seen. Same libraries, same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OBSERVATIONS = 8
# A later change counts for more.
WEIGHTS = 0.8 ** np.arange(OBSERVATIONS)[::-1]
WEIGHTS = WEIGHTS / WEIGHTS.sum()
# Fee of a price that stands still, what a tick of average change adds, and the most.
LEAST, PER_TICK, MOST = 500.0, 40.0, 10000.0
# Of the generator, in ticks: average changes, and the largest that is drawn.
CALM, STORM, LARGEST = 2.0, 200.0, 1500
HIDDEN = (32, 16)
TRAIN, EVALUATION, CALIBRATION = (20000, 301), (2000, 302), (400, 303)
NAMES = tuple(f"change_{i}" for i in range(OBSERVATIONS))


def changes(count: int, rng: np.random.Generator) -> Array:
    """Rows of whole ticks `(count, 8)`, of pools from calm to storm."""
    scale = np.exp(rng.uniform(np.log(CALM), np.log(STORM), (count, 1)))
    drawn = np.rint(rng.laplace(0.0, scale, (count, OBSERVATIONS)))
    out: Array = np.clip(drawn, -LARGEST, LARGEST)
    return out


def fee(rows: Array) -> Array:
    """The fee that the model is to learn: of the weighted average of absolute changes."""
    out: Array = np.clip(LEAST + PER_TICK * (np.abs(rows) @ WEIGHTS), LEAST, MOST)
    return out


class Network:
    """A perceptron 8-32-16-1 with ReLU, on ticks as they are."""

    def __init__(self, rows: Array) -> None:
        networks, quiet = import_module("sklearn.neural_network"), import_module("sklearn.exceptions")
        warnings.simplefilter("ignore", quiet.ConvergenceWarning)
        self.unit = float(rows.std())
        how = {"alpha": 1e-7, "learning_rate_init": 2e-3, "max_iter": 80, "tol": 0.0, "n_iter_no_change": 80}
        fitted = networks.MLPRegressor(hidden_layer_sizes=HIDDEN, random_state=1, **how)
        fitted.fit(rows / self.unit, fee(rows) / MOST)
        # The units of the first and the last layer: ticks and hundredths of a basis point.
        weights = [np.asarray(w, np.float64) for w in fitted.coefs_]
        biases = [np.asarray(b, np.float64) for b in fitted.intercepts_]
        weights[0] = weights[0] / self.unit
        weights[-1], biases[-1] = weights[-1] * MOST, biases[-1] * MOST
        self.layers = [(w.astype(np.float32), b.astype(np.float32)) for w, b in zip(weights, biases, strict=True)]

    def fees(self, rows: Array) -> Array:
        """Fees of rows."""
        out = rows
        for i, (weight, bias) in enumerate(self.layers):
            out = out @ weight + bias
            if i < len(self.layers) - 1:
                out = np.maximum(out, 0.0)
        return np.asarray(out[:, 0], np.float64)

    def save(self, path: Path) -> None:
        """Gemm and Relu: `changes (batch, 8) -> fee (batch, 1)`."""
        onnx = import_module("onnx")
        helper, tensor = onnx.helper, onnx.numpy_helper.from_array
        constants, nodes, last = [], [], "changes"
        for i, (weight, bias) in enumerate(self.layers):
            constants += [tensor(weight, f"weight{i}"), tensor(bias, f"bias{i}")]
            final = i == len(self.layers) - 1
            out = "fee" if final else f"sum{i}"
            nodes.append(helper.make_node("Gemm", [last, f"weight{i}", f"bias{i}"], [out], name=f"dense{i}"))
            if not final:
                nodes.append(helper.make_node("Relu", [out], [f"hidden{i}"], name=f"relu{i}"))
                last = f"hidden{i}"
        floats = onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            nodes,
            "fee",
            [helper.make_tensor_value_info("changes", floats, ["batch", OBSERVATIONS])],
            [helper.make_tensor_value_info("fee", floats, ["batch", 1])],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="laminate")
        model.ir_version = 8
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(path))


def draw(count: int, seed: int) -> Array:
    """Rows of a seed."""
    return changes(count, np.random.default_rng(seed))


def write_rows(path: Path, rows: Array) -> None:
    """Whole numbers with a header."""
    lines = [",".join(str(int(x)) for x in row) for row in rows]
    path.write_text("\n".join([",".join(NAMES), *lines]) + "\n", encoding="utf-8")


def run(out: Path) -> dict[str, Any]:
    """Train, write every file, return the metrics."""
    network = Network(draw(*TRAIN))
    evaluation = draw(*EVALUATION)
    found, expected = network.fees(evaluation), fee(evaluation)
    explained = float(1.0 - ((found - expected) ** 2).mean() / expected.var())
    if explained < 0.99:
        raise RuntimeError(f"the network explains {explained:.4f} of the fees' variance, expected 0.99; train longer")
    out.mkdir(parents=True, exist_ok=True)
    network.save(out / "fee.onnx")
    files = {
        "calibration.csv": draw(*CALIBRATION),
        "evaluation.csv": evaluation,
        "calm.csv": np.array([[1.0, -2, 0, 3, -1, 0, 2, -1]]),
        "storm.csv": np.array([[40.0, -90, 150, 210, -180, 260, -310, 240]]),
    }
    for name, values in files.items():
        write_rows(out / name, values)
    report: dict[str, Any] = {"training_rows": TRAIN[0], "explained_variance": explained}
    report["mean_error"] = float(np.abs(found - expected).mean())
    report["fees"] = {name: float(network.fees(files[name])[0]) for name in ("calm.csv", "storm.csv")}
    names = sorted(p.name for p in out.iterdir() if p.name not in ("README.md", "metrics.json"))
    report["sha256"] = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}
    (out / "metrics.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=Path, default=root / "models" / "fee", help="where the files are written")
    options = parser.parse_args()
    try:
        report = run(options.out)
    except ModuleNotFoundError as error:
        print(f"train_fee: {error}; pip install -r scripts/requirements-trees.txt", file=sys.stderr)
        return 1
    except (RuntimeError, ValueError, OSError) as error:
        print(f"train_fee: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
