#!/usr/bin/env python3
"""Random small ONNX networks with what onnxruntime computes: what the importer and the quantiser are compared with.

    pip install -r scripts/requirements-digits.txt
    python scripts/make_onnx_cases.py                                   # the cases of front/tests/networks
    python scripts/make_onnx_cases.py --count 2000 --seed 7 --out /tmp/cases
    LAMINATE_ONNX_CASES=/tmp/cases cargo test --release -p laminate-front --test networks

Each case is `NNNN.onnx` and a line of `cases.jsonl`: its ops, rows of input and of output.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]
ROWS = 8
# Beyond it a case would be slow to quantise, not more telling.
MOST = 600


class Chain:
    """A network that grows: `x` is the value at hand, for all rows."""

    def __init__(self, rng: np.random.Generator, x: Floats, opset: int) -> None:
        self.rng, self.opset, self.rows = rng, opset, x
        self.features = list(x.shape[1:])
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.x, self.name = x, "x"

    def constant(self, value: Any) -> str:
        """An initialiser."""
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weights(self, *shape: int) -> str:
        """Random weights that keep sizes as they are."""
        scale = 1.0 / np.sqrt(np.prod(shape[1:]))
        return self.constant((self.rng.normal(0.0, scale, shape)).astype(np.float32))

    def model(self, output: str) -> onnx.ModelProto:
        """What there is so far."""
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            "case",
            [info("x", TensorProto.FLOAT, ["n", *self.features])],
            [info(output, TensorProto.FLOAT, None)],
            self.tensors,
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        proto.ir_version = 8
        return proto

    def evaluate(self, output: str) -> Floats:
        """By onnxruntime."""
        options = ort.SessionOptions()
        options.log_severity_level = 4
        session = ort.InferenceSession(self.model(output).SerializeToString(), options)
        found: Any = session.run([output], {"x": self.rows})[0]
        return found

    def push(self, op: str, inputs: list[str], **attributes: Any) -> bool:
        """Appends a node if onnxruntime runs it and what it gives is neither empty nor too large."""
        if not self.fits(attributes):
            return False
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{op.lower()}{len(self.nodes)}", **attributes))
        try:
            found = self.evaluate(name)
        except Exception:
            self.nodes.pop()
            return False
        size = found[0].size if len(found) else 0
        if not 0 < size <= MOST or not np.isfinite(found).all():
            self.nodes.pop()
            return False
        self.x, self.name = found, name
        return True

    def fits(self, attributes: dict[str, Any]) -> bool:
        """Whether windows are no larger than axes with their padding, which onnxruntime does not ask of all of them."""
        if str(attributes.get("auto_pad", "VALID")) != "VALID":
            return True
        sizes = attributes.get("kernel_shape", [])
        pads = attributes.get("pads", [0] * (2 * len(sizes)))
        gaps = attributes.get("dilations", [1] * len(sizes))
        return all(
            (size - 1) * gap + 1 <= axis + before + after
            for size, gap, axis, before, after in zip(
                sizes, gaps, self.x.shape[2:], pads[: len(sizes)], pads[len(sizes) :], strict=False
            )
        )

    def windows(self) -> dict[str, Any]:
        """Random attributes of windows."""
        rng, axes = self.rng, self.x.ndim - 2
        out: dict[str, Any] = {
            "kernel_shape": [int(v) for v in rng.integers(1, 4, axes)],
            "strides": [int(v) for v in rng.integers(1, 3, axes)],
        }
        if rng.random() < 0.3:
            out["auto_pad"] = str(rng.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]))
        elif rng.random() < 0.6:
            out["pads"] = [int(rng.integers(0, k)) for _ in range(2) for k in out["kernel_shape"]]
        return out

    def conv(self) -> bool:
        """Convolution."""
        kept = self.windows()
        if "auto_pad" not in kept and self.rng.random() < 0.3:
            kept["dilations"] = [int(v) for v in self.rng.integers(1, 3, self.x.ndim - 2)]
        made = int(self.rng.integers(1, 5))
        inputs = [self.name, self.weights(made, self.x.shape[1], *kept["kernel_shape"])]
        if self.rng.random() < 0.7:
            inputs.append(self.constant(self.rng.normal(0.0, 0.3, made).astype(np.float32)))
        return self.push("Conv", inputs, **kept)

    def pool(self) -> bool:
        """Any pool."""
        kind = self.rng.choice(["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"], p=[0.4, 0.4, 0.1, 0.1])
        if kind.startswith("Global"):
            return self.push(str(kind), [self.name])
        kept = self.windows()
        if kind == "AveragePool":
            kept["count_include_pad"] = int(self.rng.integers(0, 2))
        elif self.rng.random() < 0.3 and "auto_pad" not in kept:
            kept["ceil_mode"] = 1
        return self.push(str(kind), [self.name], **kept)

    def normalise(self) -> bool:
        """BatchNormalization."""
        channels = self.x.shape[1]
        draw = self.rng.normal(0.0, 0.3, (3, channels)).astype(np.float32)
        variance = self.rng.uniform(0.5, 2.0, channels).astype(np.float32)
        parts = [draw[0] + 1, draw[1], draw[2], variance]
        return self.push("BatchNormalization", [self.name, *(self.constant(p) for p in parts)])

    def point(self) -> bool:
        """A function of one number."""
        kind = str(self.rng.choice(["Relu", "LeakyRelu", "Abs", "Clip", "Tanh"]))
        if kind == "Clip":
            low, high = sorted(self.rng.uniform(-1.0, 1.0, 2))
            ends = [self.constant(np.float32(low)), self.constant(np.float32(high))]
            return self.push("Clip", [self.name, *ends])
        return self.push(kind, [self.name])

    def move(self) -> bool:
        """Transpose, Slice or Pad."""
        rng, rank = self.rng, self.x.ndim
        kind = rng.choice(["Transpose", "Slice", "Pad"])
        if kind == "Transpose":
            return self.push("Transpose", [self.name], perm=[0, *(int(v) + 1 for v in rng.permutation(rank - 1))])
        axis = int(rng.integers(1, rank))
        if kind == "Slice":
            step = int(rng.choice([-2, -1, 1, 2]))
            start, end = (0, 2**31) if step > 0 else (-1, -(2**31))
            lists = [[start + int(rng.integers(0, 2)) * (1 if step > 0 else -1)], [end], [axis], [step]]
            return self.push("Slice", [self.name, *(self.constant(np.array(v, np.int64)) for v in lists)])
        pads = [0] * (2 * rank)
        pads[axis], pads[rank + axis] = (int(v) for v in rng.integers(0, 3, 2))
        return self.push("Pad", [self.name, self.constant(np.array(pads, np.int64))])

    def join(self) -> bool:
        """The value beside a part of itself, or added to its own rectifier."""
        before = self.name
        if not self.push("Relu", [before]):
            return False
        if self.rng.random() < 0.5:
            return self.push("Add", [before, self.name])
        return self.push("Concat", [before, self.name], axis=int(self.rng.integers(1, self.x.ndim)))

    def finish(self) -> None:
        """Mostly a dense layer at the end."""
        if self.rng.random() < 0.8 and self.x.ndim > 1:
            self.push("Flatten", [self.name], axis=1)
            self.push("Gemm", [self.name, self.weights(3, self.x.shape[1])], transB=1)


class Rows(Chain):
    """A network over rows of positions and features, as transformers are."""

    def vector(self, size: int, around: float = 0.0) -> str:
        """Random numbers about one."""
        return self.constant((self.rng.normal(around, 0.3, size)).astype(np.float32))

    def number(self, value: float) -> str:
        """A constant of one number."""
        return self.constant(np.float32(value))

    def layer(self, made: int | None = None) -> bool:
        """A matrix, and mostly a bias."""
        size = self.x.shape[-1]
        made = made or int(self.rng.integers(2, 9))
        scale = 1.0 / np.sqrt(size)
        weight = self.constant(self.rng.normal(0.0, scale, (size, made)).astype(np.float32))
        if not self.push("MatMul", [self.name, weight]):
            return False
        return self.rng.random() < 0.2 or self.push("Add", [self.name, self.vector(made)])

    def norm(self) -> bool:
        """LayerNormalization, as one operator or written out."""
        size, x = self.x.shape[-1], self.name
        # Of two numbers the deviations are one up to sign, and the sign is lost where they are equal.
        if size < 3:
            return False
        if self.rng.random() < 0.5:
            inputs = [x, self.vector(size, 1.0), self.vector(size)]
            return self.push("LayerNormalization", inputs, axis=-1, epsilon=1e-5)
        if not self.push("ReduceMean", [x], axes=[-1], keepdims=1):
            return False
        self.push("Sub", [x, self.name])
        deviation = self.name
        self.push("Pow", [deviation, self.number(2.0)])
        self.push("ReduceMean", [self.name], axes=[-1], keepdims=1)
        self.push("Add", [self.name, self.number(1e-5)])
        self.push("Sqrt", [self.name])
        self.push("Div", [deviation, self.name])
        self.push("Mul", [self.name, self.vector(size, 1.0)])
        return self.push("Add", [self.name, self.vector(size)])

    def function(self) -> bool:
        """A function of one number, Gelu as PyTorch writes it among them."""
        kinds = [
            "Sigmoid",
            "Tanh",
            "Erf",
            "Softplus",
            "Elu",
            "HardSigmoid",
            "HardSwish",
            "Mish",
            "Softsign",
            "Sin",
            "Cos",
        ]
        kind = str(self.rng.choice([*kinds, "Gelu", "Gelu"]))
        if kind != "Gelu":
            return not (kind == "Mish" and self.opset < 18) and self.push(kind, [self.name])
        x = self.name
        self.push("Div", [x, self.number(float(np.sqrt(2.0)))])
        self.push("Erf", [self.name])
        self.push("Add", [self.name, self.number(1.0)])
        self.push("Mul", [x, self.name])
        return self.push("Mul", [self.name, self.number(0.5)])

    def softmax(self) -> bool:
        """Along any axis."""
        return self.push("Softmax", [self.name], axis=int(self.rng.integers(1, self.x.ndim)))

    def reduce(self) -> bool:
        """An axis taken together, if another is left."""
        if self.x.ndim < 3:
            return False
        kind = str(self.rng.choice(["ReduceMean", "ReduceMax"]))
        axis = int(self.rng.integers(1, self.x.ndim))
        return self.push(kind, [self.name], axes=[axis], keepdims=int(self.rng.integers(0, 2)))

    def attention(self) -> bool:
        """Heads of queries, keys and values, and what they make of them."""
        if self.x.ndim != 3:
            return False
        rows, heads, size = self.x.shape[1], int(self.rng.integers(1, 3)), int(self.rng.integers(2, 5))
        x, parts = self.name, []
        for part in range(3):
            self.name, self.x = x, self.evaluate(x)
            self.layer(heads * size)
            self.push("Reshape", [self.name, self.constant(np.array([0, rows, heads, size], np.int64))])
            self.push("Transpose", [self.name], perm=[0, 2, 3, 1] if part == 1 else [0, 2, 1, 3])
            parts.append(self.name)
        self.push("MatMul", parts[:2])
        self.push("Div", [self.name, self.number(float(np.sqrt(size)))])
        self.push("Softmax", [self.name], axis=-1)
        self.push("MatMul", [self.name, parts[2]])
        self.push("Transpose", [self.name], perm=[0, 2, 1, 3])
        self.push("Reshape", [self.name, self.constant(np.array([0, rows, heads * size], np.int64))])
        return self.layer(self.evaluate(x).shape[-1]) and self.push("Add", [x, self.name])

    def part(self) -> bool:
        """One position, or a half of the features."""
        if self.x.ndim == 3 and self.rng.random() < 0.5:
            at = self.constant(np.array(int(self.rng.integers(0, self.x.shape[1])), np.int64))
            return self.push("Gather", [self.name, at], axis=1)
        size = self.x.shape[-1]
        return size % 2 == 0 and self.push("Split", [self.name], axis=-1, outputs=2)

    def push(self, op: str, inputs: list[str], **attributes: Any) -> bool:
        """Split has a second result."""
        if op != "Split":
            return super().push(op, inputs, **attributes)
        name, other = f"v{len(self.nodes)}", f"w{len(self.nodes)}"
        sizes = self.constant(np.array([self.x.shape[-1] // 2] * 2, np.int64))
        self.nodes.append(helper.make_node(op, [*inputs, sizes], [name, other], axis=-1))
        self.x, self.name = self.evaluate(other), other
        return True


def rows(seed: int) -> tuple[Chain, Floats]:
    """A network over positions."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, (ROWS, int(rng.integers(2, 7)), int(rng.integers(3, 9)))).astype(np.float32)
    chain = Rows(rng, x, 17)
    if rng.random() < 0.5:
        chain.push("Add", [chain.name, chain.constant(rng.normal(0.0, 0.3, x.shape[1:]).astype(np.float32))])
    steps: list[Callable[[], bool]] = [
        chain.layer,
        chain.norm,
        chain.function,
        chain.softmax,
        chain.reduce,
        chain.attention,
        chain.part,
    ]
    for _ in range(int(rng.integers(2, 5))):
        steps[int(rng.choice(len(steps), p=[0.22, 0.2, 0.17, 0.06, 0.06, 0.22, 0.07]))]()
    if rng.random() < 0.6:
        chain.layer()
    return chain, chain.x


def depthwise(seed: int) -> tuple[Chain, Floats]:
    """Depthwise and grouped convolutions, and a max pool of what is padded with zeros."""
    rng = np.random.default_rng(seed)
    channels = int(rng.choice([2, 3, 4, 6]))
    x = rng.uniform(-1.0, 1.0, (ROWS, channels, 5, int(rng.integers(4, 7)))).astype(np.float32)
    chain = Chain(rng, x, 17)
    bias = chain.constant(rng.normal(0.0, 0.3, channels).astype(np.float32))
    chain.push(
        "Conv",
        [chain.name, chain.weights(channels, 1, 3, 3), bias],
        group=channels,
        **chain.windows() | {"kernel_shape": [3, 3]},
    )
    chain.push("Relu", [chain.name]) if rng.random() < 0.5 else chain.normalise()
    if channels % 2 == 0:
        chain.push("Conv", [chain.name, chain.weights(channels, channels // 2, 1, 1)], group=2)
    if rng.random() < 0.6:
        pads = [0, 0, 1, 0, 0, 0, 0, 1]
        chain.push("Pad", [chain.name, chain.constant(np.array(pads, np.int64))])
        chain.push("MaxPool", [chain.name], kernel_shape=[2, 2])
    if rng.random() < 0.7:
        chain.push("Conv", [chain.name, chain.weights(3, channels, 1, 1)])
    if rng.random() < 0.4:
        kept = {"strides": [2, int(rng.integers(1, 3))], "pads": [int(v) for v in rng.integers(0, 2, 4)]}
        chain.push("ConvTranspose", [chain.name, chain.weights(chain.x.shape[1], 2, 3, 2)], **kept)
    chain.finish()
    return chain, chain.x


def case(seed: int) -> tuple[Chain, Floats]:
    """A network with weights."""
    rng = np.random.default_rng(seed)
    axes = int(rng.choice([1, 2, 2, 2, 3]))
    most = {1: 13, 2: 8, 3: 4}[axes]
    shape = [int(rng.integers(1, 4)), *(int(v) for v in rng.integers(3, most, axes))]
    x = rng.uniform(-1.0, 1.0, (ROWS, *shape)).astype(np.float32)
    chain = Chain(rng, x, int(rng.choice([13, 17])))
    steps: list[Callable[[], bool]] = [chain.conv, chain.pool, chain.normalise, chain.point, chain.move, chain.join]
    for _ in range(int(rng.integers(2, 6))):
        if chain.x.ndim > 2:
            steps[int(rng.choice(len(steps), p=[0.36, 0.15, 0.08, 0.14, 0.14, 0.13]))]()
    chain.finish()
    return chain, chain.x


def main() -> None:
    """Write the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=Path, default=root / "front" / "tests" / "networks" / "cases")
    parser.add_argument("--count", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    lines, seed = [], args.seed * 1_000_000
    while len(lines) < args.count:
        seed += 1
        # The first half has convolutions, of the second one in four.
        late = len(lines) >= args.count // 2
        chain, found = (case if not late else depthwise if seed % 4 == 0 else rows)(seed)
        ops = [node.op_type for node in chain.nodes]
        # Without weights there is nothing to commit to.
        if not {"Conv", "Gemm", "MatMul"} & set(ops) or found.ndim < 2:
            continue
        (args.out / f"{len(lines):04}.onnx").write_bytes(chain.model(chain.name).SerializeToString())
        flat = [[[round(float(v), 6) for v in row.ravel()] for row in rows] for rows in (chain.rows, found)]
        lines.append(json.dumps({"ops": ops, "input": flat[0], "output": flat[1]}))
    (args.out / "cases.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
