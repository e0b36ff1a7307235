#!/usr/bin/env python3
"""Train a small convolutional network on scikit-learn's 8x8 digits and write everything under models/digits.

    pip install -r scripts/requirements-digits.txt
    python scripts/train_digits.py

Conv 1-8, ReLU, MaxPool, Conv 8-16, ReLU, AveragePool, Gemm 64-10; numpy, own Adam, seeded.
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
from sklearn.datasets import load_digits

Array = NDArray[np.float64]

OPSET = 17
IR_VERSION = 8
SIDE, CLASSES = 8, 10
CHANNELS = (1, 8, 16)
EVALUATION, CALIBRATION = 400, 300
EPOCHS, BATCH, RATE = 150, 64, 4e-3


def windows(x: Array) -> Array:
    """`(n, c, h, w)` to `(n, h, w, c·9)`: the 3x3 window of every pixel, zeros outside."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return view.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def scatter(grad: Array, channels: int) -> Array:
    """The transpose of `windows`."""
    n, h, w, _ = grad.shape
    parts = grad.reshape(n, h, w, channels, 3, 3)
    out = np.zeros((n, channels, h + 2, w + 2))
    for i in range(3):
        for j in range(3):
            out[:, :, i : i + h, j : j + w] += parts[..., i, j].transpose(0, 3, 1, 2)
    return out[:, :, 1:-1, 1:-1]


def blocks(x: Array) -> Array:
    """`(n, c, h, w)` to `(n, c, h/2, w/2, 4)`: the entries of every 2x2 block."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)


def unblocks(x: Array) -> Array:
    """The transpose of `blocks`."""
    n, c, h, w, _ = x.shape
    return x.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)


class Network:
    """Weights `(made, channels·9)`, `(classes, features)` and biases."""

    def __init__(self, rng: np.random.Generator) -> None:
        wide = CHANNELS[2] * (SIDE // 4) ** 2
        shapes = [(CHANNELS[1], CHANNELS[0] * 9), (CHANNELS[2], CHANNELS[1] * 9), (CLASSES, wide)]
        self.parameters = [
            p for made, own in shapes for p in (rng.normal(0.0, np.sqrt(2.0 / own), (made, own)), np.zeros(made))
        ]

    def run(self, x: Array) -> tuple[Array, list[Array]]:
        """Logits of `(n, 1, 8, 8)`, and what `gradient` needs."""
        w1, b1, w2, b2, w3, b3 = self.parameters
        u1 = windows(x)
        h1 = np.maximum((u1 @ w1.T + b1).transpose(0, 3, 1, 2), 0.0)
        p1 = blocks(h1)
        m1 = p1.max(axis=-1)
        u2 = windows(m1)
        h2 = np.maximum((u2 @ w2.T + b2).transpose(0, 3, 1, 2), 0.0)
        flat = blocks(h2).mean(axis=-1).reshape(len(x), -1)
        return flat @ w3.T + b3, [u1, h1, p1, m1, u2, h2, flat]

    def gradient(self, kept: list[Array], d: Array) -> list[Array]:
        """Of all parameters for the derivative `d` at the logits."""
        u1, h1, p1, m1, u2, h2, flat = kept
        _, _, w2, _, w3, _ = self.parameters
        n = len(d)
        dense = [d.T @ flat, d.sum(axis=0)]
        d_mean = (d @ w3).reshape(n, CHANNELS[2], SIDE // 4, SIDE // 4)
        d2 = unblocks(np.repeat(d_mean[..., None] / 4, 4, axis=-1)) * (h2 > 0)
        flat2 = d2.transpose(0, 2, 3, 1)
        second = [np.einsum("nhwm,nhwk->mk", flat2, u2), flat2.sum(axis=(0, 1, 2))]
        d_m1 = scatter(flat2 @ w2, CHANNELS[1])
        first_best = np.arange(4) == p1.argmax(axis=-1)[..., None]
        d1 = unblocks(d_m1[..., None] * first_best) * (h1 > 0)
        flat1 = d1.transpose(0, 2, 3, 1)
        first = [np.einsum("nhwm,nhwk->mk", flat1, u1), flat1.sum(axis=(0, 1, 2))]
        assert m1.shape == d_m1.shape
        return [*first, *second, *dense]


def train(x: Array, labels: NDArray[np.int64], seed: int) -> Network:
    """Cross-entropy with Adam; the images are moved by up to one pixel."""
    rng = np.random.default_rng(seed)
    network = Network(rng)
    first = [np.zeros_like(p) for p in network.parameters]
    second = [np.zeros_like(p) for p in network.parameters]
    step, steps = 0, EPOCHS * -(-len(x) // BATCH)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for start in range(0, len(x), BATCH):
            pick = order[start : start + BATCH]
            moved = np.roll(x[pick], tuple(rng.integers(-1, 2, 2)), axis=(2, 3)) if rng.random() < 0.5 else x[pick]
            logits, kept = network.run(moved)
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            shares[np.arange(len(pick)), labels[pick]] -= 1.0
            step += 1
            rate = RATE * 0.5 * (1.0 + np.cos(np.pi * step / steps))
            gradients = network.gradient(kept, shares / len(pick))
            for p, g, m, v in zip(network.parameters, gradients, first, second, strict=True):
                m[...] += 0.1 * (g - m)
                v[...] += 0.001 * (g * g - v)
                p[...] -= rate * (m / (1.0 - 0.9**step)) / (np.sqrt(v / (1.0 - 0.999**step)) + 1e-8)
    return network


def to_onnx(network: Network) -> onnx.ModelProto:
    """`image (batch, 1, 8, 8) -> logits (batch, 10)`."""
    w1, b1, w2, b2, w3, b3 = (p.astype(np.float32) for p in network.parameters)
    tensors = {
        "conv1.weight": w1.reshape(CHANNELS[1], CHANNELS[0], 3, 3),
        "conv1.bias": b1,
        "conv2.weight": w2.reshape(CHANNELS[2], CHANNELS[1], 3, 3),
        "conv2.bias": b2,
        "dense.weight": w3,
        "dense.bias": b3,
    }
    same: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
    half: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["c1"], name="conv1", **same),
        helper.make_node("Relu", ["c1"], ["r1"], name="relu1"),
        helper.make_node("MaxPool", ["r1"], ["p1"], name="pool1", **half),
        helper.make_node("Conv", ["p1", "conv2.weight", "conv2.bias"], ["c2"], name="conv2", **same),
        helper.make_node("Relu", ["c2"], ["r2"], name="relu2"),
        helper.make_node("AveragePool", ["r2"], ["p2"], name="pool2", **half),
        helper.make_node("Flatten", ["p2"], ["flat"], name="flatten", axis=1),
        helper.make_node("Gemm", ["flat", "dense.weight", "dense.bias"], ["logits"], name="dense", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="laminate")
    proto.ir_version = IR_VERSION
    onnx.checker.check_model(proto, full_check=True)
    return proto


def write_rows(path: Path, rows: Array) -> None:
    """Pixels 0 to 1 in sixteenths, row by row, with a header."""
    header = ",".join(f"p{i // SIDE}{i % SIDE}" for i in range(SIDE * SIDE))
    lines = [",".join(f"{v:g}" for v in row) for row in rows.reshape(len(rows), -1)]
    path.write_text("\n".join([header, *lines]) + "\n")


def main() -> None:
    """Train, export, compare the export with the network, write rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=Path, default=root / "models" / "digits", help="where the files are written")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    data = load_digits()
    x = data.images[:, None].astype(np.float64) / 16.0
    labels = data.target.astype(np.int64)
    order = np.random.default_rng(args.seed).permutation(len(x))
    held, rest = order[:EVALUATION], order[EVALUATION:]
    network = train(x[rest], labels[rest], args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "digits.onnx"
    onnx.save(to_onnx(network), str(path))
    found: Any = ReferenceEvaluator(str(path)).run(None, {"image": x[held].astype(np.float32)})
    logits = network.run(x[held])[0]
    difference = float(np.abs(found[0] - logits).max())
    if difference > 1e-4:
        raise RuntimeError(f"{path}: the exported graph differs from the trained network by {difference:.2e} (> 1e-4)")
    write_rows(args.out / "calibration.csv", x[rest[:CALIBRATION]])
    write_rows(args.out / "evaluation.csv", x[held])
    lines = [f"{label},{','.join(f'{v:.6f}' for v in row)}" for label, row in zip(labels[held], found[0], strict=True)]
    header = "label," + ",".join(f"logit{i}" for i in range(CLASSES))
    (args.out / "evaluation.logits.csv").write_text("\n".join([header, *lines]) + "\n")
    image = x[held[0]]
    (args.out / "image.json").write_text(json.dumps([image.tolist()]) + "\n")
    metrics = {
        "accuracy": float((logits.argmax(axis=1) == labels[held]).mean()),
        "parameters": int(sum(p.size for p in network.parameters)),
        "rows": {"training": len(rest), "evaluation": EVALUATION, "calibration": CALIBRATION},
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    (args.out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
