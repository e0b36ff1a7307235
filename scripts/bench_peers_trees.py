#!/usr/bin/env python3
"""Measure Laminate and EZKL on the tree models of EZKL's examples, in one run, on one machine.

    python3 -m venv .venv/peers-trees && .venv/peers-trees/bin/pip install -r scripts/requirements-peers-trees.txt
    cargo build --release
    .venv/peers-trees/bin/python scripts/bench_peers_trees.py --laminate target/release/laminate

Both models are classifiers of the three kinds of iris with 12 rounds, so 36 trees, as in EZKL's notebooks for XGBoost
and LightGBM. Laminate reads the file that the library saves; EZKL takes its usual route, Hummingbird to PyTorch to
ONNX. Every class that Laminate proves is compared with the library's. Nothing is downloaded: EZKL gets an SRS that it
makes itself.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from bench_peers import machine
from peers import ezkl_peer, report
from peers.measure import Measured, PeerError, run
from peers.tree_models import MODELS, Trained, train

SETTINGS = ("private", "polycommit", "hashed")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laminate", type=Path, help="the binary; without it only EZKL is measured")
    parser.add_argument("--models", default=",".join(MODELS), help="of %(default)s")
    parser.add_argument("--ezkl-python", default=sys.executable, help="Python that has ezkl (default: this one)")
    parser.add_argument("--settings", default="private", help="EZKL settings, of private, polycommit, hashed; or none")
    parser.add_argument("--repeat", type=int, default=3, help="proofs a model, of which the median counts")
    parser.add_argument("--limit", type=float, default=1800.0, help="most seconds a stage may take")
    parser.add_argument("--work", type=Path, help="folder for models, keys and proofs, kept (default: removed)")
    parser.add_argument("--json", action="store_true", help="print JSON on standard output instead of tables")
    options = parser.parse_args()
    for name, known in (("models", MODELS), ("settings", SETTINGS)):
        chosen = [item for item in getattr(options, name).split(",") if item]
        if unknown := set(chosen) - set(known):
            parser.error(f"--{name}: unknown {', '.join(sorted(unknown))}; expected some of {', '.join(known)}")
        setattr(options, name, chosen)
    if options.repeat < 1:
        parser.error("--repeat: expected at least 1")
    if options.laminate and not options.laminate.is_file():
        parser.error(f"--laminate: {options.laminate} is no file; build it with cargo build --release")
    return options


def own(binary: Path, folder: Path, trained: Trained, repeat: int, limit_s: float) -> dict[str, Any]:
    """Our row: every command in turn, the key in a cache of its own."""
    environment = {"LAMINATE_CACHE": str(folder / "cache")}

    def command(*arguments: str | Path) -> Measured:
        words = [str(binary.resolve()), *(str(a) for a in arguments), "--json", "-q"]
        return run(words, limit_s=limit_s, cwd=folder, environment=environment)

    command("compile", trained.file, "-o", "model")
    committed = command("commit", "model", "--dev-srs")
    setup = command("setup", "model", "--dev-srs")
    proofs = []
    for _ in range(repeat):
        (folder / "row.proof").unlink(missing_ok=True)
        proofs.append(command("prove", "model", "--input", trained.row, "-o", "row.proof"))
    verified = command("verify", "row.proof")
    proven = json.loads(proofs[-1].stdout)
    if [int(value) for value in proven["output"][0]] != [trained.decision]:
        raise PeerError(f"{trained.name}: proven class {proven['output']}, the library predicts {trained.decision}")
    return {
        "name": "Laminate",
        "commit_seconds": committed.seconds,
        "setup_seconds": setup.seconds,
        "prove_seconds": statistics.median(p.seconds for p in proofs),
        "prove_samples": [p.seconds for p in proofs],
        "verify_seconds": verified.seconds,
        "prove_peak_bytes": max(p.peak_bytes for p in proofs),
        "proof_bytes": proven["proof_bytes"],
        "notes": "class public; weights and input hidden, commitments to both published",
    }


def bench(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Every model in turn, every system in turn; nothing runs beside another."""
    result: dict[str, Any] = {"machine": machine(), "models": []}
    for name in options.models:
        folder = work / name
        folder.mkdir(parents=True, exist_ok=True)
        # In a process of its own: a child's peak memory is never below its parent's, and the libraries take 500 MB.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
            trained = apart.submit(train, name, folder, onnx=bool(options.settings)).result()
        entry: dict[str, Any] = {"name": name, "trees": trained.trees, "ours": None, "peers": []}
        if options.laminate:
            print(f"{name}: laminate …", file=sys.stderr)
            entry["ours"] = own(options.laminate, folder, trained, options.repeat, options.limit)
        for setting in options.settings:
            print(f"{name}: ezkl, {setting} …", file=sys.stderr)
            peer = ezkl_peer.bench(
                options.ezkl_python,
                folder / f"ezkl-{setting}",
                folder / "hummingbird.onnx",
                trained.values,
                trained.calibration,
                visibility=setting,
                repeat=1 if setting == "hashed" else options.repeat,
                limit_s=options.limit,
            )
            entry["peers"].append(peer)
        result["models"].append(entry)
    return result


def main() -> int:
    options = arguments()
    try:
        if options.work:
            result = bench(options, options.work.resolve())
        else:
            with tempfile.TemporaryDirectory(prefix="laminate-peers-trees-") as work:
                result = bench(options, Path(work))
    except ModuleNotFoundError as error:
        print(f"bench_peers_trees: {error}; pip install -r scripts/requirements-peers-trees.txt", file=sys.stderr)
        return 1
    except (PeerError, OSError) as error:
        print(f"bench_peers_trees: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(result, indent=1))
        return 0
    for entry in result["models"]:
        print(f"{entry['name']}, {entry['trees']} trees\n\n{report.table(entry['peers'], entry['ours'])}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
