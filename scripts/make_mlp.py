#!/usr/bin/env python3
"""Write a ReLU MLP with seeded random weights, for measuring size against time.

    python scripts/make_mlp.py --widths 128-512-512-10 --out build/mlp

writes model.onnx (no final activation), calibration.csv (256 rows) and input.csv (1 row), drawn uniformly from
[-1, 1]. The model has not learned anything; only its shape matters.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from fraud.export import to_onnx
from fraud.mlp import Mlp

CALIBRATION_ROWS = 256


def parse_widths(text: str) -> tuple[int, ...]:
    """`128-512-512-10` -> (128, 512, 512, 10)."""
    try:
        widths = tuple(int(part) for part in text.split("-"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected widths such as 128-512-512-10") from None
    if len(widths) < 2 or min(widths) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected at least two widths, each at least 1")
    return widths


def write_rows(path: Path, rows: NDArray[np.float64]) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(f"x{i}" for i in range(rows.shape[1]))
        writer.writerows([f"{value:.5f}" for value in row] for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=parse_widths, default=(128, 512, 512, 10), help="such as 128-512-512-10")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    model = Mlp.initial(rng, options.widths)
    rows = rng.uniform(-1.0, 1.0, (CALIBRATION_ROWS, options.widths[0]))
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        onnx.save(to_onnx(model, "mlp", sigmoid=False), str(options.out / "model.onnx"))
        write_rows(options.out / "calibration.csv", rows)
        write_rows(options.out / "input.csv", rows[:1])
    except OSError as error:
        print(f"make_mlp: {options.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{options.out}: {sum(p.size for p in model.parameters())} parameters", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
