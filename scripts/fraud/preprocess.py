"""Raw card columns to the 29 prepared columns the network takes.

`(rows, 29) raw -> (rows, 29) prepared`: Amount becomes log(1 + Amount), every column is standardised by the
mean and deviation of the training rows, and the result is clipped to [-CLIP, CLIP].

Why this is not folded into the first Gemm: Laminate gives a tensor one power-of-two scale and a weight one scale an
output channel. Raw Amount (up to 25,000) beside V28 (mostly within 0.3) would spend the int16 range on Amount, and
folding 1/deviation into the weights would spend the int8 range on the columns of small deviation. Prepared columns
share one range, so a single scale (2^12) resolves each to 1/4096 of a deviation.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

COLUMNS: tuple[str, ...] = (*(f"V{i}" for i in range(1, 29)), "Amount")
LABEL = "Class"
AMOUNT = COLUMNS.index("Amount")
# 6 deviations keep the ranking of the rows; at scale 2^12 they fill 3/4 of int16, the rest is headroom.
CLIP = 6.0
# Decimals of prepared rows on disk: finer than the int16 step 2^-12 by a factor of 24.
DECIMALS = 5


class DataError(Exception):
    """A file that cannot be used; the text says where, what was expected and how to mend it."""


def read_csv(path: Path, *, labelled: bool) -> tuple[Array, NDArray[np.int64] | None]:
    """Read the columns by name; with `labelled`, also Class (0 or 1).

    Raises DataError naming the file, line and column of the first fault.
    """
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            reader = csv.reader(handle)
            header = [name.strip().strip('"') for name in next(reader, [])]
            wanted = [*COLUMNS, *([LABEL] if labelled else [])]
            missing = [name for name in wanted if name not in header]
            if missing:
                raise DataError(
                    f"{path}: the header lacks {', '.join(missing)}; found {', '.join(header[:5])}…; "
                    "expected the ULB card-fraud columns V1..V28, Amount" + (", Class" if labelled else "")
                )
            at = [header.index(name) for name in wanted]
            rows = [_parse(path, reader.line_num, row, len(header), at, wanted) for row in reader if row]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give the path of creditcard.csv") from error
    if not rows:
        raise DataError(f"{path}: no rows after the header")
    table = np.array(rows, dtype=np.float64)
    if not labelled:
        return table, None
    labels = table[:, -1]
    bad = np.flatnonzero((labels != 0) & (labels != 1))
    if bad.size:
        raise DataError(f"{path}: data row {bad[0] + 1}: {LABEL} is {labels[bad[0]]}; expected 0 or 1")
    return table[:, :-1], labels.astype(np.int64)


def _parse(path: Path, line: int, row: list[str], width: int, at: list[int], names: list[str]) -> list[float]:
    if len(row) != width:
        raise DataError(f"{path}:{line}: {len(row)} columns; the header has {width}")
    values = []
    for index, name in zip(at, names, strict=True):
        try:
            value = float(row[index].strip('"'))
        except ValueError:
            raise DataError(f"{path}:{line}: column {name} is {row[index]!r}; expected a number") from None
        if not np.isfinite(value):
            raise DataError(f"{path}:{line}: column {name} is {value}; expected a finite number")
        if name == "Amount" and value < 0:
            raise DataError(f"{path}:{line}: Amount is {value}; expected a number >= 0")
        values.append(value)
    return values


@dataclass(frozen=True)
class Preprocessing:
    """Means and deviations of the training rows, after log1p of Amount."""

    mean: Array
    deviation: Array

    @staticmethod
    def fit(raw: Array) -> Preprocessing:
        """Fit on raw training rows `(rows, 29)`; a constant column is refused."""
        columns = _log_amount(raw)
        deviation = columns.std(axis=0)
        flat = np.flatnonzero(deviation == 0)
        if flat.size:
            raise DataError(f"column {COLUMNS[flat[0]]} is constant over the training rows; it cannot be standardised")
        return Preprocessing(columns.mean(axis=0), deviation)

    def apply(self, raw: Array) -> Array:
        """`(rows, 29) raw -> (rows, 29)` in [-CLIP, CLIP]."""
        return np.clip((_log_amount(raw) - self.mean) / self.deviation, -CLIP, CLIP)

    def save(self, path: Path) -> None:
        """Write the constants as JSON, one object a column."""
        columns = [
            {"name": name, "transform": "log1p" if i == AMOUNT else "none", "mean": m, "deviation": d}
            for i, (name, m, d) in enumerate(zip(COLUMNS, self.mean.tolist(), self.deviation.tolist(), strict=True))
        ]
        path.write_text(json.dumps({"clip": CLIP, "columns": columns}, indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: Path) -> Preprocessing:
        """Read what `save` wrote; the column names, their order and the clip must be the ones of this file."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            names = tuple(column["name"] for column in data["columns"])
            if names != COLUMNS or data["clip"] != CLIP:
                raise DataError(f"{path}: made for other columns or another clip; train again to rewrite it")
            return Preprocessing(
                np.array([column["mean"] for column in data["columns"]], dtype=np.float64),
                np.array([column["deviation"] for column in data["columns"]], dtype=np.float64),
            )
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}; train first, or give --preprocessing FILE") from error
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise DataError(f"{path}: not a preprocessing file ({error!r}); train again to rewrite it") from error


def _log_amount(raw: Array) -> Array:
    columns = raw.copy()
    columns[:, AMOUNT] = np.log1p(columns[:, AMOUNT])
    return columns


def write_csv(path: Path, rows: Array) -> None:
    """Write prepared rows `(rows, 29)` with a header."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([f"{value:.{DECIMALS}f}" for value in row] for row in rows)
