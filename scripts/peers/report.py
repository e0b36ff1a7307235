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


def layers_line(ours: Row, rows: list[Row]) -> str | None:
    """Our layer proofs alone beside JSTprove, when both are there."""
    own = ours.get("layer_seconds")
    peer = next((row for row in rows if row["name"].startswith("JSTprove")), None)
    if own is None or peer is None:
        return None
    ratio = own / peer["prove_seconds"]
    return (
        f"Layer proofs alone (trace to folded proof): {seconds(own)}; "
        f"JSTprove, witness and proof: {seconds(peer['prove_seconds'])}; ratio {ratio:.2f}."
    )
