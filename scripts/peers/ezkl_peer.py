"""EZKL on one ONNX file in one visibility setting."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from .measure import PeerError, run
from .model import fixed_batch

STAGE = Path(__file__).resolve().parent / "ezkl_stage.py"
BEFORE_PROVING = ("settings", "calibrate", "compile", "srs", "setup", "witness")
# Rows given to EZKL's calibration: it runs its circuit on each, and more than this changes nothing but the time.
CALIBRATION_ROWS = 32


def bench(
    python: str,
    folder: Path,
    source: Path,
    row: list[float],
    calibration: list[list[float]],
    *,
    visibility: str,
    repeat: int,
    limit_s: float,
) -> dict[str, Any]:
    """Run every stage in `folder`; prove `repeat` times and take the median. Returns one row of the report."""
    folder.mkdir(parents=True, exist_ok=True)
    fixed_batch(source, folder / "model.onnx")
    (folder / "input.json").write_text(json.dumps({"input_data": [row]}), encoding="utf-8")
    values = [value for values in calibration[:CALIBRATION_ROWS] for value in values]
    (folder / "calibration.json").write_text(json.dumps({"input_data": [values]}), encoding="utf-8")

    seconds: dict[str, float] = {}
    peaks: dict[str, int] = {}

    def stage(name: str) -> float:
        done = run([python, str(STAGE), name, str(folder), visibility], limit_s=limit_s)
        try:
            taken = float(json.loads(done.stdout.strip().splitlines()[-1])["seconds"])
        except (IndexError, KeyError, json.JSONDecodeError) as error:
            raise PeerError(f"ezkl {name} printed no time: {done.stdout[-200:]!r}") from error
        peaks[name] = max(peaks.get(name, 0), done.peak_bytes)
        return taken

    for name in BEFORE_PROVING:
        seconds[name] = stage(name)
    samples = [stage("prove") for _ in range(repeat)]
    seconds["prove"] = statistics.median(samples)
    seconds["verify"] = stage("verify")
    proof = json.loads((folder / "proof.json").read_text(encoding="utf-8"))
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    return {
        "name": f"EZKL 23.0.5, {visibility}",
        "seconds": seconds,
        "prove_samples": samples,
        "setup_seconds": seconds["setup"],
        "prove_seconds": seconds["witness"] + seconds["prove"],
        "verify_seconds": seconds["verify"],
        "peak_bytes": peaks,
        "setup_peak_bytes": peaks["setup"],
        "prove_peak_bytes": max(peaks["witness"], peaks["prove"]),
        "proof_bytes": proof_bytes(proof),
        "proving_key_bytes": (folder / "pk.key").stat().st_size,
        "verifying_key_bytes": (folder / "vk.key").stat().st_size,
        "logrows": settings["run_args"]["logrows"],
        "output": proof["pretty_public_inputs"]["rescaled_outputs"],
        "notes": "weights and input hidden" + _commitment(visibility),
    }


def proof_bytes(proof: dict[str, Any]) -> int:
    """Length of the proof itself, which the JSON file holds as a list of bytes or as hex."""
    value = proof["proof"]
    return len(value) if isinstance(value, list) else len(value.removeprefix("0x")) // 2


def _commitment(visibility: str) -> str:
    return {
        "private": ", no commitment published",
        "polycommit": ", KZG commitment to the weights published",
        "hashed": ", Poseidon hashes of weights and input published",
    }[visibility]
