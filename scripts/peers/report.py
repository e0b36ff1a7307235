"""Rows of measurements to a markdown table with ratios."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


def size(value: int | None) -> str:
    """Bytes in decimal units."""
    if value is None:
        return "–"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.2f} {unit}"
    return f"{value} B"


def table(rows: list[Row], ours: Row | None) -> str:
    """One line a system; the last column is our proving time over its proving time."""
    head = ["system", "setup", "prove", "verify", "peak memory", "proof", "proving key", "ours / theirs", "statement"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for row in ([ours] if ours else []) + rows:
        ratio = "–"
        if ours is not None and row is not ours:
            ratio = f"{ours['prove_seconds'] / row['prove_seconds']:.2f}"
        cells = [
            row["name"],
            seconds(row.get("setup_seconds")),
            seconds(row["prove_seconds"]),
            seconds(row.get("verify_seconds")),
            size(row.get("prove_peak_bytes")),
            size(row.get("proof_bytes")),
            size(row.get("proving_key_bytes")),
            ratio,
            row["notes"],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
