"""What the scripts that train with PyTorch share: seeds, the export, files of rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

OPSET = 17


def torch(seed: int) -> Any:
    """PyTorch, its results the same in every run on the same machine."""
    found = import_module("torch")
    found.manual_seed(seed)
    found.use_deterministic_algorithms(True)
    found.set_num_threads(1)
    return found


def export(model: Any, example: Any, path: Path, names: tuple[str, str], *, batch: bool = True) -> None:
    """Write an ONNX file with a batch of any size, or with that of the example, as `torch.onnx.export` makes it."""
    onnx_export = import_module("torch").onnx.export
    model.eval()
    axes = {name: {0: "batch"} for name in names} if batch else None
    onnx_export(
        model, (example,), str(path), input_names=[names[0]], output_names=[names[1]], dynamic_axes=axes,
        opset_version=OPSET, dynamo=False,
    )  # fmt: skip


def run(path: Path, rows: Array, *, batch: bool = True) -> Array:
    """What ONNX Runtime makes of rows that are shaped as the model's input, all in one batch or one after the other."""
    session = import_module("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    parts = [rows] if batch else np.split(rows, len(rows))
    return np.concatenate([session.run(None, {name: part})[0] for part in parts])


def agree(path: Path, found: Array, expected: Array) -> float:
    """Largest difference of the exported graph from the trained network; raises above 1e-4."""
    difference = float(np.abs(found - expected).max())
    if difference > 1e-4:
        raise RuntimeError(f"{path}: the exported graph differs from the trained network by {difference:.2e} (> 1e-4)")
    return difference


def write_rows(path: Path, header: Iterable[str], rows: Sequence[Any] | Array, form: str = "g") -> None:
    """CSV with a header; every number in the same form."""
    lines = [",".join(format(v, form) for v in row) for row in rows]
    path.write_text("\n".join([",".join(header), *lines]) + "\n", encoding="utf-8")


def write_metrics(out: Path, metrics: dict[str, Any]) -> None:
    """`metrics.json` with the hashes of all files beside it, printed, too."""
    names = sorted(p.name for p in out.iterdir() if p.name not in ("README.md", "metrics.json"))
    metrics["sha256"] = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}
    text = json.dumps(metrics, indent=1, ensure_ascii=False)
    (out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    print(text)
