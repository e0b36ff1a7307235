"""The tree models of EZKL's examples: trained, saved as their library does, and as Hummingbird's ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

MODELS = ("xgboost", "lightgbm")
ROUNDS = 12
# Rows that are kept out of training; the first of them is proven.
HELD_OUT = 38


@dataclass(frozen=True)
class Trained:
    """A model, and one row with what the library predicts for it."""

    name: str
    file: Path
    trees: int
    row: Path
    values: list[float]
    calibration: list[list[float]]
    decision: int


def train(name: str, folder: Path, *, onnx: bool) -> Trained:
    """Train `name` on iris and write its file, row.csv, and with `onnx` hummingbird.onnx."""
    datasets = import_module("sklearn.datasets")
    selection = import_module("sklearn.model_selection")
    iris = datasets.load_iris()
    rows = iris.data.astype("float32")
    x, test, y, _ = selection.train_test_split(rows, iris.target, test_size=HELD_OUT, random_state=1)
    if name == "xgboost":
        model = import_module("xgboost").XGBClassifier(n_estimators=ROUNDS, n_jobs=1, random_state=1)
        model.fit(x, y)
        file = folder / "model.json"
        model.save_model(str(file))
    else:
        model = import_module("lightgbm").LGBMClassifier(n_estimators=ROUNDS, n_jobs=1, random_state=1, verbosity=-1)
        model.fit(x, y)
        file = folder / "model.txt"
        model.booster_.save_model(str(file))
    values = [float(value) for value in test[0]]
    cells = ",".join(repr(value) for value in values)
    row = folder / "row.csv"
    row.write_text(",".join(f"f{i}" for i in range(len(values))) + f"\n{cells}\n", encoding="utf-8")
    if onnx:
        hummingbird(model, test[:1], folder / "hummingbird.onnx")
    return Trained(
        name=name,
        file=file,
        trees=3 * ROUNDS,
        row=row,
        values=values,
        calibration=[[float(value) for value in line] for line in x],
        decision=int(model.predict(test[:1])[0]),
    )


def hummingbird(model: Any, sample: Any, path: Path) -> None:
    """The route of EZKL's notebooks: Hummingbird's PyTorch module, exported."""
    torch = import_module("torch")
    module = import_module("hummingbird.ml").convert(model, "torch", sample).model
    torch.onnx.export(
        module,
        torch.from_numpy(sample),
        str(path),
        export_params=True,
        opset_version=18,
        do_constant_folding=True,
        input_names=["input"],
        output_names=["label", "probabilities"],
        dynamo=False,
    )
