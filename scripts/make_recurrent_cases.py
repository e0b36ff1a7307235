#!/usr/bin/env python3
"""LSTM, GRU and RNN networks as exporters write them, with what onnxruntime computes of rows.

    pip install -r scripts/requirements-digits.txt
    python scripts/make_recurrent_cases.py                      # the cases of front/tests/recurrent

Each case is `NAME.onnx` and a line of `cases.jsonl`: its name, rows of input and of output. Rows are run one by one, as
constant initial states are of a batch of one. onnxruntime has no layout 1: such a case is run with layout 0
and transposes.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@dataclass
class Case:
    """A network and how it is exported."""

    name: str
    kind: str
    steps: int
    inputs: int
    units: int
    direction: str = "forward"
    give: str = "all"  # all, last, cell, gathered
    layout: int = 0
    initial: str = ""  # constant, zero, computed
    layers: int = 1
    bias: bool = True
    lengths: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    gain: float = 1.0
    rows: int = 6
    head: bool = True


class Writer:
    """A graph that grows."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.count = 0

    def constant(self, value: Any) -> str:
        """An initialiser."""
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def floats(self, shape: list[int], scale: float) -> str:
        """Random weights."""
        return self.constant(self.rng.uniform(-scale, scale, shape).astype(np.float32))

    def node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        """A node of one result."""
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def axes(self, op: str, x: str, axes: list[int]) -> str:
        """Squeeze or Unsqueeze."""
        return self.node(op, [x, self.constant(np.array(axes, dtype=np.int64))])


def initial(w: Writer, case: Case, directions: int, x: str, shape: list[int]) -> str:
    """An initial state, `(directions, batch, units)` or with the batch first."""
    match case.initial:
        case "constant":
            return w.floats(shape, 0.8)
        case "zero":
            return w.constant(np.zeros(shape, dtype=np.float32))
        case "computed":
            # Of the first step, for one direction.
            assert directions == 1
            entry = w.node("Gather", [x, w.constant(np.array(0, dtype=np.int64))], axis=1)
            bias = w.floats([case.units], 0.1)
            made = w.node("Gemm", [entry, w.floats([case.inputs, case.units], 0.5), bias])
            return w.axes("Unsqueeze", made, [0])
        case _:
            return ""


def recurrent(w: Writer, case: Case, layer: int, x: str, original: str, layout: int) -> str:
    """One operator on `x (batch, steps, inputs)`; gives `(batch, steps, units·directions)`, or what is asked for."""
    directions = 2 if case.direction == "bidirectional" else 1
    gates, units = GATES[case.kind], case.units
    inputs = case.inputs if layer == 0 else units * directions
    scale = case.gain / np.sqrt(units)
    operands = [
        x if layout == 1 else w.node("Transpose", [x], perm=[1, 0, 2]),
        w.floats([directions, gates * units, inputs], scale),
        w.floats([directions, gates * units, units], scale),
        w.floats([directions, 2 * gates * units], scale) if case.bias else "",
        w.constant(np.array([case.steps], dtype=np.int32)) if case.lengths else "",
    ]
    shape = [1, directions, units] if layout == 1 else [directions, 1, units]
    states = 2 if case.kind == "LSTM" else 1
    for _ in range(states):
        state = w.rng.bit_generator.state
        operands.append(initial(w, case, directions, original, [directions, 1, units]))
        if layout == 1 and operands[-1]:
            # The same numbers in the other order.
            w.rng.bit_generator.state = state
            w.tensors.pop()
            operands[-1] = initial(w, case, directions, original, shape)
    while operands[-1] == "":
        operands.pop()
    w.count += 1
    names = [f"y{w.count}", f"h{w.count}", f"c{w.count}c"][: states + 1]
    attributes = dict(case.attributes)
    if layout == 1:
        attributes["layout"] = 1
    w.nodes.append(
        helper.make_node(case.kind, operands, names, hidden_size=units, direction=case.direction, **attributes)
    )
    last = layer + 1 == case.layers
    if last and case.give in ("last", "cell"):
        state = names[1 if case.give == "last" else 2]
        if layout == 1:
            return w.node("Reshape", [state, w.constant(np.array([0, -1], dtype=np.int64))])
        if directions == 1:
            return w.axes("Squeeze", state, [0])
        moved = w.node("Transpose", [state], perm=[1, 0, 2])
        return w.node("Reshape", [moved, w.constant(np.array([0, -1], dtype=np.int64))])
    y = names[0]
    if layout == 1:
        y = w.node("Reshape", [y, w.constant(np.array([0, 0, -1], dtype=np.int64))])
    elif directions == 1:
        y = w.axes("Squeeze", y, [1])
    else:
        moved = w.node("Transpose", [y], perm=[0, 2, 1, 3])
        y = w.node("Reshape", [moved, w.constant(np.array([0, 0, -1], dtype=np.int64))])
    if last and case.give == "gathered" and layout == 0:
        return w.node("Gather", [y, w.constant(np.array(-1, dtype=np.int64))], axis=0)
    return y if layout == 1 else w.node("Transpose", [y], perm=[1, 0, 2])


def build(case: Case, seed: int, layout: int) -> onnx.ModelProto:
    """The network of a case."""
    w = Writer(np.random.default_rng(seed))
    x = "x"
    for layer in range(case.layers):
        x = recurrent(w, case, layer, x, "x", layout)
    if case.head:
        directions = 2 if case.direction == "bidirectional" else 1
        width = case.units * directions * (case.steps if case.give == "all" else 1)
        x = w.node("Flatten", [x])
        bias = w.floats([3], 0.2)
        x = w.node("Gemm", [x, w.floats([width, 3], 1.0 / np.sqrt(width)), bias])
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        w.nodes,
        case.name,
        [info("x", TensorProto.FLOAT, ["n", case.steps, case.inputs])],
        [info(x, TensorProto.FLOAT, ["n", 3] if case.head else ["n", case.steps, case.units])],
        w.tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def cases() -> list[Case]:
    """All of them: every operator, direction and state once at least, sizes odd."""
    activations = {"activations": ["HardSigmoid", "Softsign", "Tanh"]}
    return [
        Case("lstm", "LSTM", 5, 3, 4),
        Case("lstm_last", "LSTM", 7, 2, 5, give="last"),
        Case("lstm_cell", "LSTM", 6, 2, 3, give="cell", initial="constant"),
        Case("lstm_reverse", "LSTM", 5, 3, 3, direction="reverse", give="gathered"),
        Case("lstm_both", "LSTM", 9, 3, 5, direction="bidirectional", initial="constant"),
        Case("lstm_both_last", "LSTM", 4, 2, 4, direction="bidirectional", give="last"),
        Case("lstm_both_cell", "LSTM", 5, 1, 2, direction="bidirectional", give="cell", initial="zero"),
        Case("lstm_computed", "LSTM", 5, 2, 3, initial="computed", give="last"),
        Case("lstm_layers", "LSTM", 6, 3, 4, layers=2, give="gathered"),
        Case("lstm_batch_first", "LSTM", 5, 3, 3, layout=1, initial="constant"),
        Case("lstm_other_activations", "LSTM", 5, 2, 3, attributes=activations),
        Case("lstm_bare", "LSTM", 3, 1, 1, bias=False, lengths=True),
        Case("lstm_one_step", "LSTM", 1, 4, 3, initial="constant", give="last"),
        Case("gru", "GRU", 5, 3, 4),
        Case("gru_after", "GRU", 7, 2, 5, attributes={"linear_before_reset": 1}, initial="constant"),
        Case("gru_both", "GRU", 5, 3, 3, direction="bidirectional", give="last"),
        Case("gru_both_after", "GRU", 6, 2, 3, direction="bidirectional", attributes={"linear_before_reset": 1}),
        Case("gru_reverse", "GRU", 4, 2, 6, direction="reverse", initial="constant", give="last"),
        Case("gru_batch_first", "GRU", 5, 2, 3, layout=1, give="last", attributes={"linear_before_reset": 1}),
        Case("gru_layers", "GRU", 5, 2, 3, layers=2, initial="zero"),
        Case("rnn", "RNN", 5, 3, 4, lengths=True),
        Case("rnn_relu", "RNN", 6, 2, 3, attributes={"activations": ["Relu"]}, gain=0.7, initial="constant"),
        Case("rnn_both", "RNN", 9, 2, 3, direction="bidirectional", attributes={"activations": ["Tanh", "Sigmoid"]}),
        Case("rnn_computed", "RNN", 3, 3, 5, initial="computed", give="last"),
        Case("lstm_long", "LSTM", 200, 2, 8, head=False, rows=3, gain=1.5),
        Case("gru_long", "GRU", 200, 2, 8, head=False, rows=3, gain=1.5, attributes={"linear_before_reset": 1}),
    ]


def main() -> None:
    """Writes the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = Path(__file__).resolve().parent.parent / "front" / "tests" / "recurrent" / "cases"
    parser.add_argument("--out", type=Path, default=folder)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    lines = []
    for seed, case in enumerate(cases()):
        model = build(case, seed, case.layout)
        onnx.checker.check_model(model)
        onnx.save(model, options.out / f"{case.name}.onnx")
        twin = build(case, seed, 0)
        session = ort.InferenceSession(twin.SerializeToString(), providers=["CPUExecutionProvider"])
        rng = np.random.default_rng(1000 + seed)
        rows = np.round(rng.normal(0.0, 1.0, (case.rows, case.steps, case.inputs)), 3).astype(np.float32)
        outputs: list[Floats] = [session.run(None, {"x": row[None]})[0] for row in rows]
        lines.append(
            {
                "name": case.name,
                "units": 0 if case.head else case.units,
                "input": [row.reshape(-1).tolist() for row in rows],
                "output": [[round(float(v), 6) for v in y.reshape(-1)] for y in outputs],
            }
        )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (options.out / "cases.jsonl").write_text(text, encoding="utf-8")
    print(f"{len(lines)} cases in {options.out}")


if __name__ == "__main__":
    main()
