#!/usr/bin/env python3
"""Train the card-fraud model 29-64-32-1 and write everything under models/fraud.

    python scripts/train_fraud.py --csv creditcard.csv                        # train, export, draw samples
    python scripts/train_fraud.py --csv creditcard.csv --ternary              # ternary.onnx beside the files of that
    python scripts/train_fraud.py --csv cards.csv --prepare prepared.csv      # raw rows -> the model's input columns

The CSV is the ULB card-fraud set (columns V1..V28, Amount, Class; Time is not used). Nothing that is written holds
a row of it: samples come from a generator fitted to it, and a generated row that is a copy stops the run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud import metrics
from fraud.export import export
from fraud.generator import COPY_DISTANCE, Generator, nearest
from fraud.mlp import Mlp, Settings, stretch, train
from fraud.preprocess import DECIMALS, DataError, Preprocessing, read_csv, write_csv

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

THRESHOLD = 0.5
HELD_OUT = 0.25
# Rows drawn for each published file: (legitimate, fraudulent, seed of the draw).
CALIBRATION = (900, 300, 101)
STRETCHED = 400
EVALUATION = (1500, 500, 102)
SAMPLES = (48, 16, 103)
SINGLE_POOL = (200, 200, 104)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--csv", type=Path, required=True, help="ULB card-fraud CSV")
    parser.add_argument("--out", type=Path, default=root / "models" / "fraud", help="where the files are written")
    parser.add_argument("--seed", type=int, default=1, help="seed of fraud.onnx; other.onnx takes the next one")
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument(
        "--ternary", action="store_true", help="train ternary.onnx only, whose weights are a scale times -1, 0 and 1"
    )
    parser.add_argument("--prepare", type=Path, metavar="OUT", help="only convert --csv to the model's input columns")
    parser.add_argument(
        "--preprocessing", type=Path, help="constants for --prepare (default: preprocessing.json in --out)"
    )
    return parser.parse_args()


def prepare(csv: Path, out: Path, constants: Path) -> None:
    """Raw rows to prepared rows, with the constants of a trained model."""
    raw, _ = read_csv(csv, labelled=False)
    write_csv(out, Preprocessing.load(constants).apply(raw))
    print(f"{out}: {len(raw)} rows", file=sys.stderr)


def quality(model: Mlp, rows: Array, labels: Labels) -> dict[str, Any]:
    """Ranking and threshold metrics of a model on labelled rows."""
    scores = model.scores(rows)
    return {
        "rows": len(labels),
        "frauds": int(labels.sum()),
        "roc_auc": metrics.roc_auc(labels, scores),
        "average_precision": metrics.average_precision(labels, scores),
        "at_threshold": metrics.at_threshold(labels, scores, THRESHOLD),
    }


def pick_single(model: Mlp, rows: Array, labels: Labels, label: int) -> Array:
    """The generated row of a class with the clearest score, as the one-row example of that class."""
    of_class: Array = rows[labels == label]
    scores = model.scores(of_class)
    index = int(np.argmax(scores) if label else np.argmin(scores))
    if (scores[index] >= THRESHOLD) != bool(label):
        raise RuntimeError(f"no generated row of class {label} falls on its side of {THRESHOLD}; train longer")
    row: Array = of_class[index : index + 1]
    return row


def write_labels(path: Path, labels: Labels, scores: Array) -> None:
    """Class and float score of each row of a sample file, in its order."""
    lines = [f"{label},{score:.6f}" for label, score in zip(labels, scores, strict=True)]
    path.write_text("\n".join(["Class,score", *lines]) + "\n", encoding="utf-8")


def draw_files(out: Path, generator: Generator, model: Mlp) -> dict[str, Array]:
    """Draw and write every sample file; returns the rows by file name."""
    calibration_rng = np.random.default_rng(CALIBRATION[2])
    calibration, _ = generator.draw(*CALIBRATION[:2], calibration_rng)
    # Extreme rows, so that the calibrated ranges cover inputs far outside the generated ones.
    extreme = np.round(stretch(generator.draw(0, STRETCHED, calibration_rng)[0], calibration_rng), DECIMALS)
    evaluation, evaluation_labels = generator.draw(*EVALUATION[:2], np.random.default_rng(EVALUATION[2]))
    samples, sample_labels = generator.draw(*SAMPLES[:2], np.random.default_rng(SAMPLES[2]))
    pool, pool_labels = generator.draw(*SINGLE_POOL[:2], np.random.default_rng(SINGLE_POOL[2]))
    files = {
        "calibration.csv": np.concatenate([calibration, extreme]),
        "evaluation.csv": evaluation,
        "samples.csv": samples,
        "legit.csv": pick_single(model, pool, pool_labels, 0),
        "fraud.csv": pick_single(model, pool, pool_labels, 1),
    }
    for name, rows in files.items():
        write_csv(out / name, rows)
    write_labels(out / "samples.labels.csv", sample_labels, model.scores(samples))
    write_labels(out / "evaluation.labels.csv", evaluation_labels, model.scores(evaluation))
    return files


def privacy(files: dict[str, Array], originals: Array) -> dict[str, Any]:
    """Distances of the published rows to the original ones; raises when one is a copy."""
    published = np.concatenate(list(files.values()))
    distances = nearest(published, originals)
    if distances.min() < COPY_DISTANCE:
        raise RuntimeError(f"a generated row lies {distances.min():.4f} from an original one (< {COPY_DISTANCE})")
    between = nearest(originals[:2048], originals, leave_self_out=True)
    summary = {"published_rows": len(published), "equal_to_an_original": int((distances == 0).sum())}
    return summary | {
        f"{name}_{stat}": float(value)
        for name, values in (("published_to_original", distances), ("original_to_original", between))
        for stat, value in (
            ("min", values.min()),
            ("1_percent", np.quantile(values, 0.01)),
            ("median", np.median(values)),
        )
    }


def ranges(model: Mlp, rows: Array) -> list[float]:
    """Largest magnitude of the input and of each dense layer's output, before its activation."""
    inputs = model.activations(rows)[:-1]
    outputs = [x @ w.T + b for x, w, b in zip(inputs, model.weights, model.biases, strict=True)]
    return [float(np.abs(values).max()) for values in (rows, *outputs)]


@dataclass(frozen=True)
class Data:
    """The CSV prepared and split, and the generator fitted to its training rows."""

    rows: Array
    labels: Labels
    train_at: Labels
    test_at: Labels
    preprocessing: Preprocessing
    generator: Generator

    @staticmethod
    def read(csv: Path, seed: int) -> Data:
        raw, labels = read_csv(csv, labelled=True)
        assert labels is not None
        train_at, test_at = metrics.stratified_split(labels, HELD_OUT, np.random.default_rng(seed))
        preprocessing = Preprocessing.fit(raw[train_at])
        rows = preprocessing.apply(raw)
        generator = Generator.fit(rows[train_at], labels[train_at])
        return Data(rows, labels, train_at, test_at, preprocessing, generator)

    def train(self, settings: Settings, *, ternary: bool = False) -> Mlp:
        """A model of the training rows."""
        return train(self.rows[self.train_at], self.labels[self.train_at], settings, ternary=ternary)

    def held_out(self, model: Mlp) -> dict[str, Any]:
        """Quality on the rows that nothing was fitted to."""
        return quality(model, self.rows[self.test_at], self.labels[self.test_at])

    def training(self) -> dict[str, int]:
        """Size of the training part."""
        return {"rows": len(self.train_at), "frauds": int(self.labels[self.train_at].sum())}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train both models, write every file, return the metrics."""
    data = Data.read(options.csv, options.seed)
    rows, labels, train_at = data.rows, data.labels, data.train_at
    generator, preprocessing = data.generator, data.preprocessing
    settings = Settings(seed=options.seed, epochs=options.epochs)
    model = data.train(settings)
    other = data.train(Settings(seed=options.seed + 1, epochs=options.epochs))

    options.out.mkdir(parents=True, exist_ok=True)
    preprocessing.save(options.out / "preprocessing.json")
    files = draw_files(options.out, generator, model)
    probe = files["evaluation.csv"]
    drift = export(model, options.out / "fraud.onnx", "fraud", probe)
    export(other, options.out / "other.onnx", "fraud", probe)

    # How well the generator stands in for the data: a model trained on generated rows only, tested on real ones.
    stand_in_rows, stand_in_labels = generator.draw(
        int((labels[train_at] == 0).sum()), int(labels[train_at].sum()), np.random.default_rng(105)
    )
    stand_in = train(stand_in_rows, stand_in_labels, settings)
    evaluation_labels = np.loadtxt(options.out / "evaluation.labels.csv", delimiter=",", skiprows=1)[:, 0]
    report = {
        "network": "29-64-32-1",
        "parameters": sum(p.size for p in model.parameters()),
        "settings": asdict(settings),
        "training": data.training(),
        "held_out": data.held_out(model),
        "held_out_other_model": data.held_out(other),
        "generated_evaluation": quality(model, probe, evaluation_labels.astype(np.int64)),
        "trained_on_generated_rows": data.held_out(stand_in),
        "largest_magnitudes": {
            "layers": ["columns", "dense1", "dense2", "dense3"],
            "calibration": ranges(model, files["calibration.csv"]),
            "original_rows": ranges(model, rows),
        },
        "privacy": privacy(files, rows),
        "onnx_score_difference": drift,
        "sha256": {
            name: hashlib.sha256((options.out / name).read_bytes()).hexdigest()
            for name in ("fraud.onnx", "other.onnx", *files)
        },
    }
    write_metrics(options.out / "metrics.json", report)
    return report


def run_ternary(options: argparse.Namespace) -> dict[str, Any]:
    """Train the ternary model, and the float one to compare; write ternary.onnx and ternary.metrics.json only.

    It reads the same input columns as the models of a run without --ternary of the same CSV and seed.
    """
    data = Data.read(options.csv, options.seed)
    settings = Settings(seed=options.seed, epochs=options.epochs)
    model = data.train(settings, ternary=True)
    options.out.mkdir(parents=True, exist_ok=True)
    constants = options.out / "preprocessing.json"
    kept = constants.read_bytes() if constants.exists() else None
    data.preprocessing.save(constants)
    if kept not in (None, constants.read_bytes()):
        constants.write_bytes(kept)
        raise RuntimeError(f"{constants} is of another CSV or seed; give another --out, or run without --ternary first")
    evaluation, evaluation_labels = data.generator.draw(*EVALUATION[:2], np.random.default_rng(EVALUATION[2]))
    drift = export(model, options.out / "ternary.onnx", "fraud", evaluation)
    report = {
        "network": "29-64-32-1, weights scale x {-1, 0, 1}",
        "parameters": sum(p.size for p in model.parameters()),
        "settings": asdict(settings),
        "training": data.training(),
        "held_out": data.held_out(model),
        "held_out_float_model": data.held_out(data.train(settings)),
        "generated_evaluation": quality(model, evaluation, evaluation_labels),
        "layers": [
            {"scale": float(np.abs(weight).max()), "share_of_zeros": float((weight == 0).mean())}
            for weight in model.weights
        ],
        "largest_magnitudes_of_original_rows": ranges(model, data.rows),
        "onnx_score_difference": drift,
        "sha256": {"ternary.onnx": hashlib.sha256((options.out / "ternary.onnx").read_bytes()).hexdigest()},
    }
    write_metrics(options.out / "ternary.metrics.json", report)
    return report


def write_metrics(path: Path, report: dict[str, Any]) -> None:
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    options = arguments()
    try:
        if options.prepare:
            constants = options.preprocessing or options.out / "preprocessing.json"
            prepare(options.csv, options.prepare, constants)
            return 0
        report = run_ternary(options) if options.ternary else run(options)
    except (DataError, RuntimeError, ValueError, OSError) as error:
        print(f"train_fraud: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
