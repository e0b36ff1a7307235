"""Copies of the ONNX file in the form a peer accepts, and the input row."""

from __future__ import annotations

import csv
from pathlib import Path

import onnx
from onnx import helper

from .measure import PeerError

GEMM_DEFAULTS = (("alpha", 1.0), ("beta", 1.0), ("transA", 0), ("transB", 0))


def parameters(path: Path) -> int:
    """Number of initialiser values."""
    total = 0
    for tensor in onnx.load(str(path)).graph.initializer:
        count = 1
        for dim in tensor.dims:
            count *= dim
        total += count
    return total


def fixed_batch(source: Path, target: Path) -> None:
    """Write a copy with batch 1 and every Gemm attribute spelled out; weights and shapes are untouched."""
    proto = onnx.load(str(source))
    graph = proto.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    for node in graph.node:
        if node.op_type == "Gemm":
            present = {attribute.name for attribute in node.attribute}
            node.attribute.extend(
                helper.make_attribute(name, value) for name, value in GEMM_DEFAULTS if name not in present
            )
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(target))


def read_rows(path: Path) -> list[list[float]]:
    """Rows of a CSV with a header."""
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = [[float(value) for value in row] for row in list(csv.reader(handle))[1:] if row]
    except OSError as error:
        raise PeerError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise PeerError(f"{path}: {error}; expected a header and rows of numbers") from error
    if not rows:
        raise PeerError(f"{path}: no rows after the header")
    return rows
