#!/usr/bin/env python3
"""Train the card-fraud model 29-64-32-1 and write everything under models/fraud.

    python scripts/train_fraud.py --csv creditcard.csv                        # train, export, draw samples
    python scripts/train_fraud.py --csv cards.csv --prepare prepared.csv      # raw rows -> the model's input columns

The CSV is the ULB card-fraud set (columns V1..V28, Amount, Class; Time is not used). Nothing that is written holds
a row of it: samples come from a generator fitted to it, and a generated row that is a copy stops the run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import asdict
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


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train both models, write every file, return the metrics."""
    raw, labels = read_csv(options.csv, labelled=True)
    assert labels is not None
    train_at, test_at = metrics.stratified_split(labels, HELD_OUT, np.random.default_rng(options.seed))
    preprocessing = Preprocessing.fit(raw[train_at])
    rows = preprocessing.apply(raw)
    settings = Settings(seed=options.seed, epochs=options.epochs)
    other_settings = Settings(seed=options.seed + 1, epochs=options.epochs)
    model = train(rows[train_at], labels[train_at], settings)
    other = train(rows[train_at], labels[train_at], other_settings)
    generator = Generator.fit(rows[train_at], labels[train_at])

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
        "training": {"rows": len(train_at), "frauds": int(labels[train_at].sum())},
        "held_out": quality(model, rows[test_at], labels[test_at]),
        "held_out_other_model": quality(other, rows[test_at], labels[test_at]),
        "generated_evaluation": quality(model, probe, evaluation_labels.astype(np.int64)),
        "trained_on_generated_rows": quality(stand_in, rows[test_at], labels[test_at]),
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
    (options.out / "metrics.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def main() -> int:
    options = arguments()
    try:
        if options.prepare:
            constants = options.preprocessing or options.out / "preprocessing.json"
            prepare(options.csv, options.prepare, constants)
            return 0
        report = run(options)
    except (DataError, RuntimeError, ValueError, OSError) as error:
        print(f"train_fraud: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
