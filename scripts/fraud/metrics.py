"""Stratified split and ranking metrics, in numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


def stratified_split(labels: Labels, held_out: float, rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Indices `(train, test)`; each class gives `held_out` of its rows, rounded, to the test part."""
    train, test = [], []
    for value in (0, 1):
        members = rng.permutation(np.flatnonzero(labels == value))
        cut = round(len(members) * held_out)
        test.append(members[:cut])
        train.append(members[cut:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def roc_auc(labels: Labels, scores: Array) -> float:
    """Probability that a fraud outranks a legitimate row; ties count one half (Mann-Whitney U)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    mean_rank = ends - (counts - 1) / 2.0
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        raise ValueError("ROC AUC needs rows of both classes")
    u = mean_rank[inverse][labels == 1].sum() - positives * (positives + 1) / 2.0
    return float(u / (positives * negatives))


def average_precision(labels: Labels, scores: Array) -> float:
    """Sum over distinct thresholds of (recall step) x precision; ties are taken together."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last_of_tie = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    true_positives = hits[last_of_tie]
    precision = true_positives / (last_of_tie + 1)
    recall = true_positives / labels.sum()
    return float(np.sum(np.diff(np.concatenate(([0.0], recall))) * precision))


def at_threshold(labels: Labels, scores: Array, threshold: float) -> dict[str, float | int]:
    """Confusion counts, precision and recall of `score >= threshold`."""
    flagged = scores >= threshold
    tp = int((flagged & (labels == 1)).sum())
    fp = int((flagged & (labels == 0)).sum())
    fn = int((~flagged & (labels == 1)).sum())
    return {
        "threshold": threshold,
        "true_positives": tp,
        "false_positives": fp,
        "false_negatives": fn,
        "true_negatives": len(labels) - tp - fp - fn,
        "precision": tp / max(tp + fp, 1),
        "recall": tp / max(tp + fn, 1),
    }
