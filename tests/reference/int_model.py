#!/usr/bin/env python3
"""Independent executor of Laminate's integer semantics (docs/specs/numerics.md), in Python integers.

    python tests/reference/int_model.py case.json      (or the case on standard input)

The case is `{"program": …, "weights": …, "inputs": [[…], …]}`: program and weights as serde_json writes the Rust
types `Program` and `Weights`, inputs `(rows, width)` as integers of the input tensor. The result is printed as
`{"outputs": [[…], …], "tensors": {"name": [[…], …]}}`, `tensors` with `--all` only. It shares nothing with the Rust
executor: no numpy, no fixed-width integer, so nothing can wrap. Used by tests only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WEIGHT_BOUND = 1 << 7
BIAS_BOUND = 1 << 31
FACTOR_BOUND = 1 << 24
LEAKY_SHIFT = 16

Rows = list[list[int]]


class ModelError(Exception):
    """A case that the semantics refuse; names the node, the value and the bound."""


def round_shift(value: int, shift: int) -> int:
    """floor((value + 2^(shift-1)) / 2^shift): ties go up, for negative values too."""
    return (value + (1 << (shift - 1))) >> shift


def bounded(where: str, value: int, low: int, high: int) -> int:
    """`value` if low <= value < high; otherwise ModelError."""
    if not low <= value < high:
        raise ModelError(f"{where}: {value} is outside [{low}, {high})")
    return value


def activation(where: str, value: int, bits: int = 16) -> int:
    """An activation of a tensor's bits; what leaves them is refused."""
    return bounded(where, value, -(1 << (bits - 1)), 1 << (bits - 1))


def dense(node: str, params: dict[str, Any], shape: dict[str, Any], shift: int, x: Rows, bits: int = 16) -> Rows:
    """`(rows, cols) -> (rows, out)`: requantised x·wᵀ + bias, if the layer has biases."""
    out, cols = math.prod(shape["rows"]), math.prod(shape["cols"])
    flat, biases = params["weight"], params["bias"]
    lengths = (len(flat), len(biases), len(params["multiplier"]))
    if shape["stack"] != 1 or lengths != (out * cols, out if shape["bias"] else 0, out):
        raise ModelError(f"{node}: the weights do not have the shape ({out}, {cols})")
    for value in flat:
        bounded(f"{node} weight", value, -WEIGHT_BOUND, WEIGHT_BOUND)
    result = []
    for row in x:
        y = []
        for j in range(out):
            bias = bounded(f"{node} bias {j}", biases[j], -BIAS_BOUND, BIAS_BOUND) if biases else 0
            factor = bounded(f"{node} multiplier {j}", params["multiplier"][j], 0, FACTOR_BOUND)
            total = sum(flat[j * cols + k] * row[k] for k in range(cols)) + bias
            y.append(activation(f"{node}[{j}]", round_shift(total * factor, shift), bits))
        result.append(y)
    return result


def leaky_relu(value: int, slope: int) -> int:
    """max(v,0) + slope·min(v,0)/2^16, rounded once."""
    return round_shift((max(value, 0) << LEAKY_SHIFT) + min(value, 0) * slope, LEAKY_SHIFT)


def table_lookup(node: str, values: list[int], value: int) -> int:
    """values[v + half the table]; an index outside the table is an error."""
    half = len(values) // 2
    return values[bounded(node, value, -half, half) + half]


def add(a: int, b: int, left: int, right: int, shift: int) -> int:
    """Two operands at their own scales, brought to the output's."""
    return round_shift(a * left + b * right, shift)


def mul(a: int, b: int, multiplier: int, shift: int) -> int:
    """Product of two operands at the output's scale."""
    return round_shift(a * b * multiplier, shift)


def divide(node: str, a: int, b: int, shift: int) -> int:
    """a·2^shift / b to the nearest integer, halves upwards; the divisor is positive."""
    bounded(f"{node} divisor", b, 1, 1 << 31)
    return ((a << (shift + 1)) + b) // (2 * b)


def grouped(
    node: str, params: dict[str, Any], shape: dict[str, Any], op: dict[str, Any], x: Rows, bits: int = 16
) -> Rows:
    """`(places, groups, cols) -> (places, groups, rows)`: each group by weights of its own."""
    groups = math.prod(shape["rows"][: op["groups"]])
    out, cols = math.prod(shape["rows"][op["groups"] :]), math.prod(shape["cols"])
    result = []
    for row in x:
        y = []
        for at in range(len(row) // cols):
            for j in range(out):
                own = at % groups * out + j
                weight = params["weight"][own * cols : (own + 1) * cols]
                total = sum(w * v for w, v in zip(weight, row[at * cols : (at + 1) * cols], strict=True))
                total += params["bias"][own] if shape["bias"] else 0
                exact = total * params["multiplier"][own]
                y.append(activation(f"{node}[{len(y)}]", round_shift(exact, op["shift"]), bits))
        result.append(y)
    return result


def norm(node: str, row: list[int], last: int, epsilon: int, numerator: int) -> list[int]:
    """Every run of `last` numbers over the root of its energy, by an integer root and quotient."""
    y: list[int] = []
    for start in range(0, len(row), last):
        own = row[start : start + last]
        energy = bounded(f"{node} energy", sum(v * v for v in own) + epsilon, 0, 1 << 80)
        factor = numerator // math.isqrt(energy)
        y += [activation(f"{node}[{start}]", round_shift(v * factor, 32)) for v in own]
    return y


def matmul(
    node: str, a: list[int], b: list[int], shapes: list[list[int]], op: dict[str, Any], bits: int = 16
) -> list[int]:
    """`(shared, m, k)` and `(shared, n, k)` to `(shared, m, n)`."""
    left, right = shapes
    k, shared = left[-1], math.prod(left[: op["shared"]])
    m, n = (math.prod(shape[op["shared"] : -1]) for shape in (left, right))
    y = []
    for s, i, j in ((s, i, j) for s in range(shared) for i in range(m) for j in range(n)):
        total = sum(a[(s * m + i) * k + d] * b[(s * n + j) * k + d] for d in range(k))
        y.append(activation(f"{node}[{len(y)}]", round_shift(total * op["multiplier"], op["shift"]), bits))
    return y


def each(node: str, function: Callable[..., int], *operands: Rows, bits: int = 16) -> Rows:
    """Apply an elementwise function to operands of one shape."""
    rows = []
    for parts in zip(*operands, strict=True):
        if len({len(part) for part in parts}) != 1:
            raise ModelError(f"{node}: operands of widths {[len(part) for part in parts]}")
        rows.append(
            [activation(f"{node}[{j}]", function(*values), bits) for j, values in enumerate(zip(*parts, strict=True))]
        )
    return rows


def entries(kind: str, a: dict[str, Any], x: list[int], view: list[int], size: int) -> list[tuple[int, int]]:
    """What an axis of a view's operand, of `size` entries, is read at for a view's entry `x`: entries and factors."""
    match kind:
        case "same":
            return [(x[a["axis"]], 1)]
        case "fixed":
            return [(a["at"], 1)]
        case "sum":
            return [(z, 1) for z in range(a["below"])]
        case "linear":
            total = sum(factor * x[axis] for axis, factor in a["terms"]) + a["offset"]
            at, rest = divmod(total, a["scale"])
            return [(at, 1)] if rest == 0 and 0 <= at < size else []
        case "pairs":
            own = [x[axis] for axis in a["axes"]]
            return [(pair["at"], pair["coefficient"]) for pair in a["entries"] if pair["view"] == own]
        case _:
            raise ModelError(f"unknown map {kind!r} onto axes {view}")


def masked(mask: dict[str, Any], x: list[int]) -> bool:
    """Whether a term of a view stands at the entry."""
    kind, a = next(iter(mask.items()))
    limits = {"only": lambda: x[a["axis"]] == a["at"], "below": lambda: x[a["axis"]] < a["size"]}
    return limits.get(kind, lambda: x[a["axis"]] <= x[a["bound"]])()


def read_view(view: dict[str, Any], axes: list[int], shapes: list[list[int]], operands: list[Rows]) -> Rows:
    """Sums of entries of other tensors, by a public matrix for each of their axes."""
    out: Rows = [[] for _ in operands[0]]
    for x in itertools.product(*(range(size) for size in axes)):
        read: list[tuple[int, int, int]] = []
        for term in view["terms"]:
            if not all(masked(mask, list(x)) for mask in term["masks"]):
                continue
            shape = shapes[term["operand"]]
            own = [entries(*next(iter(m.items())), list(x), axes, n) for m, n in zip(term["maps"], shape, strict=True)]
            for places in itertools.product(*own):
                flat = 0
                for (at, _), size in zip(places, shape, strict=True):
                    flat = flat * size + at
                read.append((term["operand"], flat, term["coefficient"] * math.prod(c for _, c in places)))
        for row, y in enumerate(out):
            y.append(view["constant"] + sum(factor * operands[i][row][at] for i, at, factor in read))
    return out


def apply(program: dict[str, Any], weights: dict[str, Any], node: dict[str, Any], operands: list[Rows]) -> Rows:
    """One node. A unit variant of the Rust enum is a string, a struct variant an object with one key."""
    name, op = node["name"], node["op"]
    kind, a = (op, {}) if isinstance(op, str) else next(iter(op.items()))
    bits = program["tensors"][node["output"]]["bits"]
    match kind:
        case "dense":
            at = a["weight"]
            return dense(name, weights["dense"][at], program["weights"][at], a["shift"], operands[0], bits)
        case "dense_relu":
            at = a["weight"]
            rows = dense(name, weights["dense"][at], program["weights"][at], a["shift"], operands[0])
            return each(name, lambda v: max(v, 0), rows)
        case "relu":
            return each(name, lambda v: max(v, 0), *operands)
        case "leaky_relu":
            return each(name, lambda v: leaky_relu(v, a["slope"]), *operands)
        case "abs":
            return each(name, abs, *operands)
        case "clip" | "saturate":
            return each(name, lambda v: min(max(v, a["lowest"]), a["highest"]), *operands)
        case "activation":
            values = program["tables"][a["table"]]["values"]
            return each(name, lambda v: table_lookup(name, values, v), *operands)
        case "add":
            return each(name, lambda v, w: add(v, w, a["left"], a["right"], a["shift"]), *operands, bits=bits)
        case "mul":
            return each(name, lambda v, w: mul(v, w, a["multiplier"], a["shift"]), *operands, bits=bits)
        case "reshape":
            return operands[0]
        case "rescale":
            return each(name, lambda v: round_shift(v * a["multiplier"], a["shift"]), *operands, bits=bits)
        case "grouped":
            at = a["weight"]
            return grouped(name, weights["dense"][at], program["weights"][at], a, operands[0], bits)
        case "divide":
            return each(name, lambda v, w: divide(name, v, w, a["shift"]), *operands)
        case "rms_norm":
            last = program["tensors"][node["output"]]["axes"][-1]
            return [norm(name, row, last, a["epsilon"], a["numerator"]) for row in operands[0]]
        case "view":
            shapes = [program["tensors"][i]["axes"] for i in node["inputs"]]
            axes = program["tensors"][node["output"]]["axes"]
            return read_view(program["views"][a["view"]], axes, shapes, operands)
        case "matmul":
            shapes = [program["tensors"][i]["axes"] for i in node["inputs"]]
            return [matmul(name, x, y, shapes, a, bits) for x, y in zip(*operands, strict=True)]
        case _:
            raise ModelError(f"{name}: unknown op {kind!r}")


def pad_batch(inputs: Rows, slots: int) -> Rows:
    """Unused batch slots repeat the last row."""
    if not 1 <= len(inputs) <= slots:
        raise ModelError(f"inputs: {len(inputs)} rows for {slots} batch slots")
    return inputs + [inputs[-1]] * (slots - len(inputs))


def is_delay(node: dict[str, Any]) -> bool:
    """Whether a node reads what a later one makes, one step before."""
    return isinstance(node["op"], dict) and "delay" in node["op"]


def recurrent(program: dict[str, Any]) -> set[int]:
    """Nodes of the one recurrence, if there is one: those that depend on a delay and that a delay depends on."""
    nodes = program["nodes"]
    states = {node["inputs"][0] for node in nodes if is_delay(node)}
    after = {node["output"] for node in nodes if is_delay(node)}
    for node in nodes:
        if not is_delay(node) and after & set(node["inputs"]):
            after.add(node["output"])
    before = set(states)
    for node in reversed(nodes):
        if not is_delay(node) and node["output"] in before:
            before |= set(node["inputs"])
    return {i for i, node in enumerate(nodes) if is_delay(node) or (node["output"] in after & before)}


def steps(
    program: dict[str, Any], weights: dict[str, Any], nodes: list[int], tensors: list[Rows | None]
) -> dict[int, Rows]:
    """The tensors of a recurrence, step by step: each step by the same nodes over tensors of one entry of time."""
    own = [program["nodes"][i] for i in nodes]
    count = program["tensors"][own[0]["output"]]["axes"][0]
    timed = {node["output"] for node in own} | {at for node in own if not is_delay(node) for at in node["inputs"]}
    cut = [{**t, "axes": [1, *t["axes"][1:]]} if i in timed else t for i, t in enumerate(program["tensors"])]
    step = {**program, "tensors": cut}
    slots = 1 << program["batch_log"]
    made: dict[int, list[Rows]] = {node["output"]: [] for node in own}
    for time in range(count):
        for node in own:

            def at(tensor: int, when: int = time) -> Rows:
                if tensor in made:
                    return made[tensor][when]
                width = math.prod(cut[tensor]["axes"])
                whole = tensors[tensor]
                if whole is None:
                    raise ModelError(f"{node['name']}: an operand of the recurrence is not defined before it")  # noqa: B023
                return [row[when * width : (when + 1) * width] for row in whole]

            if not is_delay(node):
                rows = apply(step, weights, node, [at(i) for i in node["inputs"]])
            elif time > 0:
                rows = at(node["inputs"][0], time - 1)
            elif len(node["inputs"]) > 1:
                rows = tensors[node["inputs"][1]] or []
            else:
                rows = [[0] * math.prod(cut[node["output"]]["axes"]) for _ in range(slots)]
            made[node["output"]].append(rows)
    return {i: [[v for part in parts for v in part[row]] for row in range(slots)] for i, parts in made.items()}


def run(program: dict[str, Any], weights: dict[str, Any], inputs: Rows) -> list[Rows | None]:
    """Every tensor `(slots, width)` by id, after checking each width."""
    tensors: list[Rows | None] = [None] * len(program["tensors"])

    def define(at: int, rows: Rows) -> None:
        tensor = program["tensors"][at]
        width = math.prod(tensor["axes"])
        bits = tensor["bits"]
        if tensor["stack"] != 1 or bits not in (16, 32) or any(len(row) != width for row in rows):
            raise ModelError(f"tensor {tensor['name']}: width {len(rows[0])}; expected {width} of one copy of integers")
        tensors[at] = [[activation(f"{tensor['name']}[{j}]", v, bits) for j, v in enumerate(row)] for row in rows]

    define(program["input"], pad_batch(inputs, 1 << program["batch_log"]))
    stepped = recurrent(program)
    for number, node in enumerate(program["nodes"]):
        if number in stepped:
            # Where the last of a recurrence stands, all that it reads from outside is there.
            if number == max(stepped):
                for at, rows in steps(program, weights, sorted(stepped), tensors).items():
                    define(at, rows)
            continue
        operands = [tensors[at] for at in node["inputs"]]
        if any(operand is None for operand in operands):
            raise ModelError(f"{node['name']}: an operand is not defined yet; nodes must be in topological order")
        define(node["output"], apply(program, weights, node, [rows for rows in operands if rows is not None]))
    if tensors[program["output"]] is None:
        raise ModelError("the output tensor is never defined")
    return tensors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", type=Path, help="JSON case; standard input when left out")
    parser.add_argument("--all", action="store_true", help="print every tensor, not only the output")
    options = parser.parse_args()
    try:
        case = json.loads(options.case.read_text(encoding="utf-8") if options.case else sys.stdin.read())
        tensors = run(case["program"], case["weights"], case["inputs"])
        result: dict[str, Any] = {"outputs": tensors[case["program"]["output"]]}
        if options.all:
            result["tensors"] = {t["name"]: r for t, r in zip(case["program"]["tensors"], tensors, strict=True)}
    except (ModelError, OSError, json.JSONDecodeError) as error:
        print(f"int_model: {error}", file=sys.stderr)
        return 1
    except (KeyError, TypeError, IndexError) as error:
        print(f"int_model: the case does not have the expected shape: {error!r}", file=sys.stderr)
        return 1
    json.dump(result, sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
