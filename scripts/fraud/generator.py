"""Draws rows that look like the data without being rows of the data.

One Gaussian copula a class (Nelsen, An Introduction to Copulas, 2006): a shrunk correlation matrix of normal
scores, and for each column a piecewise linear quantile function with few knots. Only these aggregates are kept,
and the tails end where the mean of the tail says, never at an observed extreme.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .preprocess import CLIP, DECIMALS

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

# Shrinkage of the correlation towards the identity: enough to be well conditioned from 250 frauds in 29 columns.
SHRINKAGE = 0.05
MIN_CLASS_ROWS = 60
# A generated row closer than this to an original one, in deviations, counts as a copy.
COPY_DISTANCE = 0.05

_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True)
class Copula:
    """A fitted class: Cholesky factor `(29, 29)`, knot probabilities `(knots,)`, knot values `(29, knots)`."""

    factor: Array
    probabilities: Array
    knots: Array

    @staticmethod
    def fit(rows: Array) -> Copula:
        """Fit on prepared rows `(rows, 29)` of one class."""
        if len(rows) < MIN_CLASS_ROWS:
            raise ValueError(f"{len(rows)} rows of one class; the generator needs at least {MIN_CLASS_ROWS}")
        count, width = rows.shape
        normal = NormalDist()
        by_rank = np.array([normal.inv_cdf((rank + 0.5) / count) for rank in range(count)])
        scores = np.empty_like(rows)
        for column in range(width):
            scores[np.argsort(rows[:, column], kind="stable"), column] = by_rank
        correlation = (1.0 - SHRINKAGE) * np.corrcoef(scores.T) + SHRINKAGE * np.eye(width)
        # At least ten rows lie between two knots, so no knot stands for a single row.
        inner = np.linspace(0.0, 1.0, min(41, count // 10 + 1))[1:-1]
        values = np.quantile(rows, inner, axis=0).T
        ends = np.array([[_tail(c, q[0], -1), _tail(c, q[-1], 1)] for c, q in zip(rows.T, values, strict=True)])
        knots = np.concatenate([ends[:, :1], values, ends[:, 1:]], axis=1)
        return Copula(np.linalg.cholesky(correlation), np.concatenate([[0.0], inner, [1.0]]), knots)

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """`(count, 29)` prepared rows within [-CLIP, CLIP]."""
        normal = rng.standard_normal((count, len(self.factor))) @ self.factor.T
        uniform = 0.5 * (1.0 + _erf(normal / math.sqrt(2.0)))
        columns = [np.interp(u, self.probabilities, k) for u, k in zip(uniform.T, self.knots, strict=True)]
        return np.clip(np.stack(columns, axis=1), -CLIP, CLIP)


def _tail(column: Array, knot: float, side: int) -> float:
    """End of the tail beyond `knot`: a linear piece up to it has the tail's mean."""
    beyond = column[(column - knot) * side >= 0]
    return float(knot + 2.0 * (beyond.mean() - knot)) if beyond.size else float(knot)


@dataclass(frozen=True)
class Generator:
    """Both classes."""

    legitimate: Copula
    fraudulent: Copula

    @staticmethod
    def fit(rows: Array, labels: Labels) -> Generator:
        """Fit on prepared rows `(rows, 29)` and their labels."""
        return Generator(Copula.fit(rows[labels == 0]), Copula.fit(rows[labels == 1]))

    def draw(self, legitimate: int, fraudulent: int, rng: np.random.Generator) -> tuple[Array, Labels]:
        """Shuffled rows of both classes with their labels."""
        rows = np.concatenate([self.legitimate.sample(legitimate, rng), self.fraudulent.sample(fraudulent, rng)])
        labels = np.repeat(np.array([0, 1], dtype=np.int64), [legitimate, fraudulent])
        order = rng.permutation(len(rows))
        # Rounded as written to disk: what is checked and scored is what is published.
        return np.round(rows[order], DECIMALS), labels[order]


def nearest(rows: Array, originals: Array, *, leave_self_out: bool = False) -> Array:
    """Euclidean distance of each row to the nearest original one, in deviations."""
    squares = (originals**2).sum(axis=1)
    result = np.empty(len(rows))
    # At most 2^24 distances (128 MB) at a time.
    block = max(1, (1 << 24) // len(originals))
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        distance = (part**2).sum(axis=1)[:, None] + squares - 2.0 * part @ originals.T
        if leave_self_out:
            distance[np.arange(len(part)), np.arange(start, start + len(part))] = np.inf
        result[start : start + block] = np.sqrt(np.maximum(distance.min(axis=1), 0.0))
    return result
