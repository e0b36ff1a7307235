"""The parts of the peer benchmark that need no peer, and the random MLP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from conftest import ROOT
from peers import report
from peers.ezkl_peer import proof_bytes
from peers.measure import PeerError, run
from peers.model import fixed_batch, parameters, read_rows

FRAUD = ROOT / "models" / "fraud"


def test_measure_reports_time_memory_and_output() -> None:
    script = "import time; x = bytearray(300_000_000); time.sleep(0.2); print('done')"
    done = run([sys.executable, "-c", script], limit_s=30)
    assert done.stdout == "done\n"
    assert done.seconds >= 0.2
    assert 300_000_000 < done.peak_bytes < 600_000_000


def test_measure_refuses_failure_and_overrun() -> None:
    with pytest.raises(PeerError, match="ended with 3:\noh no"):
        run([sys.executable, "-c", "import sys; print('oh no', file=sys.stderr); sys.exit(3)"], limit_s=30)
    with pytest.raises(PeerError, match="longer than 0 s"):
        run([sys.executable, "-c", "import time; time.sleep(30)"], limit_s=0.2)
    with pytest.raises(PeerError, match="cannot start"):
        run(["/nonexistent/peer"], limit_s=1)


def test_copy_computes_the_same(tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    fixed_batch(FRAUD / "fraud.onnx", copy)
    row = np.array(read_rows(FRAUD / "fraud.csv")[:1], dtype=np.float32)
    expected = ReferenceEvaluator(str(FRAUD / "fraud.onnx")).run(None, {"columns": row})[0]
    actual = ReferenceEvaluator(str(copy)).run(None, {"columns": row})[0]
    assert actual == pytest.approx(expected, abs=1e-6)
    shape = onnx.load(str(copy)).graph.input[0].type.tensor_type.shape
    assert [dim.dim_value for dim in shape.dim] == [1, 29]
    assert parameters(copy) == 4033


def test_table_ratios_and_sizes() -> None:
    ours = {"name": "Laminate", "prove_seconds": 5.0, "layer_seconds": 0.5, "notes": "n", "proof_bytes": 999}
    peers = [
        {"name": "EZKL", "prove_seconds": 10.0, "setup_seconds": 1.0, "proving_key_bytes": 2_800_000_000, "notes": "n"},
        {"name": "EZKL, hashed", "prove_seconds": 0.25, "notes": "n"},
    ]
    lines = report.table(peers, ours).splitlines()
    assert len(lines) == 5
    assert lines[2] == "| Laminate | – | 5.00 s | – | – | 999 B | – | – | n |"
    assert lines[3] == "| EZKL | 1.00 s | 10.00 s | – | – | – | 2.80 GB | 0.50 | n |"
    assert "| 20.00 |" in lines[4]


def test_proof_bytes_of_both_encodings() -> None:
    assert proof_bytes({"proof": [1, 2, 3]}) == 3
    assert proof_bytes({"proof": "0x010203"}) == 3


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "bench_peers.py"), "--settings", "", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_own_measurements_must_be_json_with_a_proving_time() -> None:
    done = bench("--laminate", "echo not json")
    assert done.returncode == 1
    assert "must print one JSON object with the number prove_seconds" in done.stderr
    done = bench("--laminate", """printf '{"prove_seconds": 1.5}'""", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ours"]["prove_seconds"] == 1.5


def test_unknown_setting_is_named() -> None:
    done = bench("--settings", "private,magic")
    assert done.returncode == 2
    assert "unknown magic" in done.stderr


def test_make_mlp(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_mlp.py"), "--out", str(tmp_path)]
    subprocess.run([*command, "--widths", "8-16-3"], check=True, capture_output=True)
    proto = onnx.load(str(tmp_path / "model.onnx"))
    assert [node.op_type for node in proto.graph.node] == ["Gemm", "Relu", "Gemm"]
    assert parameters(tmp_path / "model.onnx") == 8 * 16 + 16 + 16 * 3 + 3
    assert len(read_rows(tmp_path / "calibration.csv")) == 256
    row = np.array(read_rows(tmp_path / "input.csv"), dtype=np.float32)
    assert ReferenceEvaluator(proto).run(None, {"columns": row})[0].shape == (1, 3)
    bad = subprocess.run([*command, "--widths", "8"], capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "at least two widths" in bad.stderr
