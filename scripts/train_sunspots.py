#!/usr/bin/env python3
"""Train a small LSTM that foresees next year's sunspot activity and write everything under models/sunspots.

    pip install -r scripts/requirements-sunspots.txt
    python scripts/train_sunspots.py

LSTM 1-12 over 24 years, Gemm 12-1; numpy, backpropagation through time, own Adam, seeded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from statsmodels.datasets import sunspots

Array = NDArray[np.float64]

OPSET = 17
IR_VERSION = 8
YEARS, UNITS = 24, 12
EVALUATION = 60
EPOCHS, BATCH, RATE = 500, 32, 8e-3
# Sunspot numbers of a hundred are one.
UNIT = 100.0


def sigmoid(x: Array) -> Array:
    """Logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


class Network:
    """Gates in ONNX's order: input, output, forget, candidate."""

    def __init__(self, rng: np.random.Generator) -> None:
        bound = 1.0 / np.sqrt(UNITS)
        self.w = rng.uniform(-bound, bound, (4 * UNITS, 1))
        self.r = rng.uniform(-bound, bound, (4 * UNITS, UNITS))
        self.b = np.zeros(4 * UNITS)
        # What is kept at first.
        self.b[2 * UNITS : 3 * UNITS] = 1.0
        self.v = rng.uniform(-bound, bound, (1, UNITS))
        self.d = np.zeros(1)

    @property
    def parameters(self) -> list[Array]:
        """In the order of `gradient`."""
        return [self.w, self.r, self.b, self.v, self.d]

    def run(self, x: Array) -> tuple[Array, list[tuple[Array, ...]]]:
        """`(n, years) -> (n)`, and what the steps were."""
        h = c = np.zeros((len(x), UNITS))
        steps = []
        for year in range(YEARS):
            own = x[:, year : year + 1]
            gates = own @ self.w.T + h @ self.r.T + self.b
            i, o, f = (sigmoid(gates[:, k * UNITS : (k + 1) * UNITS]) for k in range(3))
            g = np.tanh(gates[:, 3 * UNITS :])
            kept = f * c + i * g
            steps.append((own, h, c, i, o, f, g, kept))
            h, c = o * np.tanh(kept), kept
        return h @ self.v[0] + self.d[0], steps

    def gradient(self, steps: list[tuple[Array, ...]], out: Array) -> list[Array]:
        """Of the loss whose derivative by the results is `out`."""
        dw, dr, db = np.zeros_like(self.w), np.zeros_like(self.r), np.zeros_like(self.b)
        kept, o = steps[-1][7], steps[-1][4]
        dv = (out[:, None] * (o * np.tanh(kept))).sum(axis=0, keepdims=True)
        dh, dc = out[:, None] * self.v, np.zeros_like(kept)
        for own, h, c, i, o, f, g, kept in reversed(steps):
            squashed = np.tanh(kept)
            dc = dc + dh * o * (1.0 - squashed**2)
            squeezed = [dc * g * i * (1.0 - i), dh * squashed * o * (1.0 - o), dc * c * f * (1.0 - f)]
            gates = np.concatenate([*squeezed, dc * i * (1.0 - g**2)], axis=1)
            dw += gates.T @ own
            dr += gates.T @ h
            db += gates.sum(axis=0)
            dh, dc = gates @ self.r, dc * f
        return [dw, dr, db, dv, np.array([out.sum()])]


def train(x: Array, y: Array, seed: int) -> Network:
    """Mean square error, Adam with a falling rate, gradients clipped."""
    rng = np.random.default_rng(seed)
    network = Network(rng)
    first = [np.zeros_like(p) for p in network.parameters]
    second = [np.zeros_like(p) for p in network.parameters]
    steps, step = EPOCHS * -(-len(x) // BATCH), 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for start in range(0, len(x), BATCH):
            pick = order[start : start + BATCH]
            found, kept = network.run(x[pick])
            gradients = network.gradient(kept, 2.0 * (found - y[pick]) / len(pick))
            norm = np.sqrt(sum(float((g * g).sum()) for g in gradients))
            step += 1
            rate = RATE * 0.5 * (1.0 + np.cos(np.pi * step / steps))
            for p, g, m, v in zip(network.parameters, gradients, first, second, strict=True):
                own = g / max(norm, 1.0) + 1e-4 * p
                m[...] += 0.1 * (own - m)
                v[...] += 0.001 * (own * own - v)
                p[...] -= rate * (m / (1.0 - 0.9**step)) / (np.sqrt(v / (1.0 - 0.999**step)) + 1e-8)
    return network


def to_onnx(network: Network) -> onnx.ModelProto:
    """`years (batch, 24, 1) -> next (batch, 1)`, as exporters write a batch-first LSTM."""
    w, r, b, v, d = (p.astype(np.float32) for p in network.parameters)
    tensors = {
        "lstm.weight": w[None],
        "lstm.recurrence": r[None],
        "lstm.bias": np.concatenate([b, np.zeros_like(b)])[None],
        "first": np.array([0], dtype=np.int64),
        "dense.weight": v,
        "dense.bias": d,
    }
    lstm = ["steps", "lstm.weight", "lstm.recurrence", "lstm.bias"]
    nodes = [
        helper.make_node("Transpose", ["years"], ["steps"], name="steps", perm=[1, 0, 2]),
        helper.make_node("LSTM", lstm, ["", "last"], name="lstm", hidden_size=UNITS),
        helper.make_node("Squeeze", ["last", "first"], ["state"], name="state"),
        helper.make_node("Gemm", ["state", "dense.weight", "dense.bias"], ["next"], name="dense", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "sunspots",
        [helper.make_tensor_value_info("years", TensorProto.FLOAT, ["batch", YEARS, 1])],
        [helper.make_tensor_value_info("next", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="laminate")
    proto.ir_version = IR_VERSION
    onnx.checker.check_model(proto, full_check=True)
    return proto


def write_rows(path: Path, rows: Array) -> None:
    """24 years a row, the oldest first, with a header."""
    header = ",".join(f"y{i}" for i in range(YEARS))
    path.write_text("\n".join([header, *(",".join(f"{v:g}" for v in row) for row in rows)]) + "\n")


def main() -> None:
    """Train, export, compare the export with the network, write rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=Path, default=root / "models" / "sunspots", help="where the files are written")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    data = sunspots.load_pandas().data
    series = data["SUNACTIVITY"].to_numpy(dtype=np.float64) / UNIT
    x = np.lib.stride_tricks.sliding_window_view(series, YEARS)[:-1].copy()
    y = series[YEARS:]
    rest, held = slice(0, len(x) - EVALUATION), slice(len(x) - EVALUATION, None)
    network = train(x[rest], y[rest], args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "sunspots.onnx"
    onnx.save(to_onnx(network), str(path))
    found: Any = ReferenceEvaluator(str(path)).run(None, {"years": x[held, :, None].astype(np.float32)})
    expected = network.run(x[held])[0]
    difference = float(np.abs(found[0][:, 0] - expected).max())
    if difference > 1e-4:
        raise RuntimeError(f"{path}: the exported graph differs from the trained network by {difference:.2e} (> 1e-4)")
    write_rows(args.out / "calibration.csv", x[rest])
    write_rows(args.out / "evaluation.csv", x[held])
    lines = [f"{true:g},{out:.6f}" for true, out in zip(y[held], found[0][:, 0], strict=True)]
    (args.out / "evaluation.next.csv").write_text("\n".join(["true,foreseen", *lines]) + "\n")
    error = lambda guess: float(np.sqrt(((guess - y[held]) ** 2).mean()) * UNIT)  # noqa: E731
    metrics = {
        "root_mean_square_error": {"model": error(expected), "last_year_again": error(x[held][:, -1])},
        "parameters": int(sum(p.size for p in network.parameters)),
        "rows": {"training": len(x) - EVALUATION, "evaluation": EVALUATION},
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    (args.out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
