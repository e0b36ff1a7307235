"""Hand-computed cases of the integer semantics."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import int_model
from int_model import ModelError, add, leaky_relu, mul, round_shift, run


@pytest.mark.parametrize(
    ("value", "shift", "expected"),
    [
        (0, 8, 0),
        (127, 8, 0),  # 0.496
        (128, 8, 1),  # 0.5 goes up
        (129, 8, 1),
        (384, 8, 2),  # 1.5 goes up
        (-128, 8, 0),  # -0.5 goes up
        (-129, 8, -1),  # -0.504
        (-384, 8, -1),  # -1.5 goes up
        (-385, 8, -2),
        (1 << 47, 32, 1 << 15),
        (-(1 << 47), 32, -(1 << 15)),
    ],
)
def test_round_shift(value: int, shift: int, expected: int) -> None:
    assert round_shift(value, shift) == expected


@pytest.mark.parametrize(
    ("value", "slope", "expected"),
    [
        (1000, 6554, 1000),
        (-1000, 6554, -100),  # -100.006
        (-5, 6554, -1),  # -0.50003
        (-1, 32768, 0),  # -0.5 goes up
        (-3, 32768, -1),  # -1.5 goes up
        (-32768, 65535, -32767),  # -32767.5 goes up
        (0, 1, 0),
    ],
)
def test_leaky_relu(value: int, slope: int, expected: int) -> None:
    assert leaky_relu(value, slope) == expected


def test_add_and_mul() -> None:
    # (10·256 + 3·128) / 256 = 11.5 -> 12 ; the negative -11.5 -> -11
    assert add(10, 3, 256, 128, 8) == 12
    assert add(-10, -3, 256, 128, 8) == -11
    # 300·-200·7 / 2^16 = -6.409 -> -6
    assert mul(300, -200, 7, 16) == -6
    # -1·1·128 / 256 = -0.5 -> 0
    assert mul(-1, 1, 128, 8) == 0


def case(nodes: list[dict[str, Any]], widths: list[int], **more: Any) -> dict[str, Any]:
    """A program over tensors t0.. of the given widths; t0 is the input, the last one the output."""
    return {
        "name": "case",
        "batch_log": 0,
        "tensors": [{"name": f"t{i}", "axes": [w], "stack": 1, "bits": 16, "scale": 0} for i, w in enumerate(widths)],
        "nodes": nodes,
        "input": 0,
        "output": len(widths) - 1,
        "weights": [],
        "tables": [],
        "row_log": 4,
    } | more


def shape(rows: int, cols: int, bias: bool = True) -> dict[str, Any]:
    return {"stack": 1, "rows": [rows], "cols": [cols], "bias": bias}


def node(op: Any, inputs: list[int], output: int) -> dict[str, Any]:
    return {"name": f"n{output}", "op": op, "inputs": inputs, "output": output}


def test_dense_by_hand() -> None:
    program = case([node({"dense": {"weight": 0, "shift": 16}}, [0], 1)], [3, 2], weights=[shape(2, 3)])
    weights = {"dense": [{"weight": [1, -2, 3, -128, 127, 0], "bias": [10, -5], "multiplier": [32768, 655]}]}
    # row 0: 100 + 400 + 900 + 10 = 1410, ·1/2 = 705; row 1: -12800 - 25400 - 5 = -38205, ·655/65536 = -381.84 -> -382
    assert run(program, weights, [[100, -200, 300]])[1] == [[705, -382]]


def test_dense_without_biases() -> None:
    program = case([node({"dense": {"weight": 0, "shift": 16}}, [0], 1)], [2, 1], weights=[shape(1, 2, bias=False)])
    weights = {"dense": [{"weight": [3, -1], "bias": [], "multiplier": [65536]}]}
    assert run(program, weights, [[5, 1]])[1] == [[14]]
    with pytest.raises(ModelError, match="shape"):
        run(program, {"dense": [weights["dense"][0] | {"bias": [1]}]}, [[5, 1]])


def test_dense_refuses_overflow_and_names_the_node() -> None:
    program = case([node({"dense": {"weight": 0, "shift": 16}}, [0], 1)], [1, 1], weights=[shape(1, 1)])
    fits = {"dense": [{"weight": [1], "bias": [-32768], "multiplier": [65536]}]}
    assert run(program, fits, [[0]])[1] == [[-32768]]
    over = {"dense": [{"weight": [1], "bias": [32768], "multiplier": [65536]}]}
    with pytest.raises(ModelError, match=r"n1\[0\]: 32768 is outside \[-32768, 32768\)"):
        run(program, over, [[0]])


@pytest.mark.parametrize(
    ("field", "value"), [("weight", 128), ("bias", 1 << 31), ("multiplier", 1 << 24), ("multiplier", -1)]
)
def test_dense_refuses_parameters_out_of_range(field: str, value: int) -> None:
    program = case([node({"dense": {"weight": 0, "shift": 16}}, [0], 1)], [1, 1], weights=[shape(1, 1)])
    params = {"weight": [0], "bias": [0], "multiplier": [0]} | {field: [value]}
    with pytest.raises(ModelError, match=field):
        run(program, {"dense": [params]}, [[0]])


def test_dense_relu_is_the_layer_without_what_is_negative() -> None:
    params = {"weight": [1, 0, -1, 0, -1, 0], "bias": [0, 0, -2], "multiplier": [1 << 15] * 3}

    def outputs(op: str) -> list[list[int]]:
        program = case([node({op: {"weight": 0, "shift": 16}}, [0], 1)], [2, 3], weights=[shape(3, 2)])
        rows = run(program, {"dense": [params]}, [[1, 7]])[1]
        assert rows is not None
        return rows

    # 0.5, -0.5 and -1.5 round to 1, 0 and -1
    assert (outputs("dense"), outputs("dense_relu")) == ([[1, 0, -1]], [[1, 0, 0]])


def test_relu_table_and_shared_operand() -> None:
    table = {"kind": "sigmoid", "input_scale": 8, "values": [i - 2048 for i in range(4096)]}
    program = case(
        [
            node("relu", [0], 1),
            node({"activation": {"table": 0}}, [0], 2),
            node({"mul": {"multiplier": 256, "shift": 8}}, [1, 2], 3),
            node({"add": {"left": 256, "right": 512, "shift": 8}}, [3, 0], 4),
            node("reshape", [4], 5),
        ],
        [3, 3, 3, 3, 3, 3],
        tables=[table],
    )
    # the table is the identity, so mul gives x·relu(x), add gives that + 2x
    assert run(program, {"dense": []}, [[-7, 0, 9]])[5] == [[-14, 0, 81 + 18]]


@pytest.mark.parametrize("value", [-2049, 2048])
def test_table_domain(value: int) -> None:
    program = case(
        [node({"activation": {"table": 0}}, [0], 1)], [1, 1], tables=[{"values": [0] * 4096, "input_scale": 8}]
    )
    with pytest.raises(ModelError, match="outside"):
        run(program, {"dense": []}, [[value]])


def test_unused_slots_repeat_the_last_row() -> None:
    program = case([node("relu", [0], 1)], [1, 1], batch_log=2)
    assert run(program, {"dense": []}, [[4], [-1], [6]])[1] == [[4], [0], [6], [6]]
    with pytest.raises(ModelError, match="5 rows for 4"):
        run(program, {"dense": []}, [[1]] * 5)


def test_command(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    program = case([node({"leaky_relu": {"slope": 6554}}, [0], 1)], [2, 2])
    path.write_text(json.dumps({"program": program, "weights": {"dense": []}, "inputs": [[-1000, 5]]}))
    command = [sys.executable, str(Path(int_model.__file__)), "--all", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"outputs": [[-100, 5]], "tensors": {"t0": [[-1000, 5]], "t1": [[-100, 5]]}}
    path.write_text(json.dumps({"program": program, "weights": {"dense": []}, "inputs": [[40000, 5]]}))
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "t0[0]: 40000 is outside" in failed.stderr
