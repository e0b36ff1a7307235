#!/usr/bin/env python3
"""Measure Laminate and its peers on the same ONNX file, in one run, on one machine.

    python3 -m venv .venv/peers && .venv/peers/bin/pip install -r scripts/requirements-peers.txt
    .venv/peers/bin/python scripts/bench_peers.py --laminate "target/release/laminate bench --json"

Nothing is installed or downloaded by the script: EZKL gets an SRS that it makes itself. The command given by
--laminate must print one JSON object on standard output with `prove_seconds`; used too when present:
`setup_seconds`, `verify_seconds`, `layer_seconds`, `batch_seconds` (an object from batch size to seconds),
`peak_bytes`, `proof_bytes`, `proving_key_bytes`, `verifying_key_bytes`. EZKL's proving time counts its witness
generation, as ours counts the run of the model; making an SRS counts for nobody. The hashed setting needs about
7 GB of memory and 7 minutes, of which its calibration takes two.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from peers import ezkl_peer, report
from peers.measure import PeerError, run
from peers.model import parameters, read_rows

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "models" / "fraud"
SETTINGS = ("private", "polycommit", "hashed")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODELS / "fraud.onnx")
    parser.add_argument("--input", type=Path, default=MODELS / "fraud.csv", help="CSV; its first row is proven")
    parser.add_argument("--calibration", type=Path, default=MODELS / "calibration.csv")
    parser.add_argument("--laminate", help="command that prints our measurements as JSON")
    parser.add_argument("--ezkl-python", default=sys.executable, help="Python that has ezkl (default: this one)")
    parser.add_argument("--settings", default=",".join(SETTINGS), help="EZKL settings, of %(default)s; empty for none")
    parser.add_argument("--skip-hashed", action="store_true", help="leave out the setting that needs 7 GB")
    parser.add_argument("--repeat", type=int, default=3, help="proofs a setting, of which the median counts")
    parser.add_argument("--limit", type=float, default=1800.0, help="most seconds a stage may take")
    parser.add_argument("--work", type=Path, help="folder for keys and proofs, kept (default: one that is removed)")
    parser.add_argument("--json", action="store_true", help="print JSON on standard output instead of the table")
    options = parser.parse_args()
    options.settings = [name for name in options.settings.split(",") if name]
    unknown = set(options.settings) - set(SETTINGS)
    if unknown:
        parser.error(f"--settings: unknown {', '.join(sorted(unknown))}; expected some of {', '.join(SETTINGS)}")
    if options.repeat < 1:
        parser.error("--repeat: expected at least 1")
    if options.skip_hashed:
        options.settings = [name for name in options.settings if name != "hashed"]
    return options


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_before": os.getloadavg()[0],
    }


def own(command: str, limit_s: float) -> dict[str, Any]:
    """Our row: what the command prints, with the peak memory measured here when it does not print it."""
    done = run(shlex.split(command), limit_s=limit_s, cwd=ROOT)
    try:
        row: dict[str, Any] = json.loads(done.stdout)
        float(row["prove_seconds"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise PeerError(
            f"`{command}` must print one JSON object with the number prove_seconds ({error!r}); "
            f"it printed {done.stdout[:200]!r}"
        ) from error
    return row | {
        "name": "Laminate",
        "prove_peak_bytes": row.get("peak_bytes", done.peak_bytes),
        "notes": "weights and input hidden, Poseidon commitments to both published",
    }


def bench(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Every system in turn; nothing runs beside another."""
    row = read_rows(options.input)[0]
    calibration = read_rows(options.calibration)
    result: dict[str, Any] = {
        "machine": machine(),
        "model": {"file": options.model.name, "parameters": parameters(options.model)},
        "ours": None,
        "peers": [],
    }
    if options.laminate:
        print("laminate …", file=sys.stderr)
        result["ours"] = own(options.laminate, options.limit)
    for setting in options.settings:
        print(f"ezkl, {setting} …", file=sys.stderr)
        result["peers"].append(
            ezkl_peer.bench(
                options.ezkl_python,
                work / f"ezkl-{setting}",
                options.model,
                row,
                calibration,
                visibility=setting,
                # One hashed proof takes two minutes; its spread is far below what is compared.
                repeat=1 if setting == "hashed" else options.repeat,
                limit_s=options.limit,
            )
        )
    return result


def main() -> int:
    options = arguments()
    try:
        if options.work:
            result = bench(options, options.work)
        else:
            with tempfile.TemporaryDirectory(prefix="laminate-peers-") as work:
                result = bench(options, Path(work))
    except (PeerError, OSError) as error:
        print(f"bench_peers: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(result, indent=1))
        return 0
    print(report.table(result["peers"], result["ours"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
