"""Weights to ONNX: Gemm, Relu, …, Gemm, Sigmoid; `columns (batch, in) -> score (batch, out)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from .mlp import Mlp

OPSET = 17
# The IR version that opset 17 came with; readers of that age accept the file.
IR_VERSION = 8


def to_onnx(model: Mlp, name: str, *, sigmoid: bool = True) -> onnx.ModelProto:
    """Build and check the graph; the first axis is the symbolic `batch`. Without `sigmoid` the output is `logit`."""
    nodes, initialisers, source = [], [], "columns"
    last = len(model.weights)
    for layer, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True), start=1):
        initialisers += [
            numpy_helper.from_array(weight.astype(np.float32), f"dense{layer}.weight"),
            numpy_helper.from_array(bias.astype(np.float32), f"dense{layer}.bias"),
        ]
        dense = f"dense{layer}.out" if layer < last else "logit"
        nodes.append(
            # Every attribute is spelled out: some readers do not know the defaults.
            helper.make_node(
                "Gemm",
                [source, f"dense{layer}.weight", f"dense{layer}.bias"],
                [dense],
                name=f"dense{layer}",
                alpha=1.0,
                beta=1.0,
                transA=0,
                transB=1,
            )
        )
        source = dense
        if layer < last:
            source = f"relu{layer}.out"
            nodes.append(helper.make_node("Relu", [dense], [source], name=f"relu{layer}"))
        elif sigmoid:
            source = "score"
            nodes.append(helper.make_node("Sigmoid", [dense], [source], name="sigmoid"))
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("columns", TensorProto.FLOAT, ["batch", model.weights[0].shape[1]])],
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["batch", model.weights[-1].shape[0]])],
        initialisers,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="laminate")
    proto.ir_version = IR_VERSION
    onnx.checker.check_model(proto, full_check=True)
    return proto


def export(model: Mlp, path: Path, name: str, probe: NDArray[np.float64]) -> float:
    """Write the ONNX file and return the largest score difference to `model` over the `probe` rows.

    The written file is read back and run by onnx's reference evaluator; a difference above 1e-4 is an error.
    """
    onnx.save(to_onnx(model, name), str(path))
    outputs: Any = ReferenceEvaluator(str(path)).run(None, {"columns": probe.astype(np.float32)})
    scores = outputs[0][:, 0]
    difference = float(np.abs(scores - model.scores(probe)).max())
    if difference > 1e-4:
        raise RuntimeError(f"{path}: the exported graph differs from the trained model by {difference:.2e} (> 1e-4)")
    return difference
