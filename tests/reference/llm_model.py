#!/usr/bin/env python3
"""Independent executor of programs over tokens (docs/specs/numerics.md), in Python integers.

    python tests/reference/llm_model.py case.json      (or the case on standard input)

The case is `{"program": …, "weights": …, "tokens": […]}`: program and weights as serde_json writes the Rust types
`Program` and `Weights`. The result is printed as `{"tensors": […], "remainders": […]}`: by tensor `[block][slot][feature]`
without any padding, the views of the carry included, and by node the rounding remainders in the same form (null where
the op rounds nothing). It shares nothing with the Rust executor: no numpy, no fixed-width integer, so nothing can wrap.
Used by tests only.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

INT16 = 1 << 15
INT32 = 1 << 31
FACTOR_BOUND = 1 << 24
MASKED = (1 << 16) - 1

Row = list[int]
Block = list[Row]


class ModelError(Exception):
    """A case that the semantics refuse; names the node, the value and the bound."""


def signed(where: str, value: int, bound: int) -> int:
    """`value` if -bound <= value < bound; nothing saturates."""
    if not -bound <= value < bound:
        raise ModelError(f"{where}: {value} is outside [-{bound}, {bound})")
    return value


def rounded(value: int, shift: int) -> tuple[int, int]:
    """floor((value + 2^(shift-1)) / 2^shift) and what that leaves."""
    return divmod(value + (1 << (shift - 1)), 1 << shift)


def product(axes: list[int]) -> int:
    return math.prod(axes)


class Node:
    """One node: computes `[slot][feature]` of one block."""

    def __init__(self, program: dict[str, Any], weights: dict[str, Any], node: dict[str, Any]) -> None:
        self.program, self.weights = program, weights
        self.name, op = node["name"], node["op"]
        self.kind, self.args = (op, {}) if isinstance(op, str) else next(iter(op.items()))
        self.inputs, self.output = node["inputs"], node["output"]
        self.slots = 1 << program["batch_log"]
        tensor = program["tensors"][self.output]
        self.axes = tensor["axes"]
        self.bound = {16: INT16, 32: INT32}[tensor["bits"]]

    def run(self, block: int, operands: list[Block]) -> tuple[Block, Block | None]:
        """Outputs and remainders."""
        exact = getattr(self, f"do_{self.kind}")(block, *operands)
        if isinstance(exact, Exact):
            values, rest = exact.round()
        else:
            values, rest = exact, None
        width = product(self.axes)
        if len(values) != self.slots or any(len(row) != width for row in values):
            raise ModelError(f"{self.name}: expected {self.slots} rows of {width}")
        for t, row in enumerate(values):
            for i, value in enumerate(row):
                signed(f"{self.name}, block {block}, slot {t}, feature {i}", value, self.bound)
        return values, rest

    def row_weights(self, block: int, j: int) -> tuple[Row, int]:
        """Row `j` of this node's weights in a block, and its multiplier."""
        at = self.args["weight"]
        shape, params = self.program["weights"][at], self.weights["dense"][at]
        rows, cols = product(shape["rows"]), product(shape["cols"])
        index = block * rows + j
        factor = params["multiplier"][index]
        if not 0 <= factor < FACTOR_BOUND:
            raise ModelError(f"{self.name}: multiplier {factor}")
        return params["weight"][index * cols : (index + 1) * cols], factor

    def do_embed(self, block: int, tokens: Block) -> Block:
        out = []
        for row in tokens:
            weights, factor = self.row_weights(block, row[0] + INT16)
            out.append([factor * w for w in weights])
        return out

    def do_dense(self, block: int, x: Block) -> Exact:
        rows = [self.row_weights(block, j) for j in range(product(self.axes))]
        exact = [[m * sum(a * b for a, b in zip(w, xs, strict=True)) for w, m in rows] for xs in x]
        return Exact(exact, self.args["shift"])

    def do_dense_add(self, block: int, x: Block, residual: Block) -> Exact:
        return Exact(self.do_dense(block, x).values, self.args["shift"], residual)

    def do_rms_norm(self, _block: int, x: Block) -> Exact:
        exact = []
        for row in x:
            energy = sum(v * v for v in row) + self.args["epsilon"]
            reciprocal = self.args["numerator"] // math.isqrt(energy)
            exact.append([v * reciprocal for v in row])
        return Exact(exact, 32)

    def do_rope(self, _block: int, x: Block) -> Exact:
        table, half = self.program["rope"][self.args["table"]], self.axes[-1]
        exact = []
        for t, row in enumerate(x):
            out = []
            for head in range(0, len(row), 2 * half):
                first, second = row[head : head + half], row[head + half : head + 2 * half]
                angles = [(table["cos"][t * half + i], table["sin"][t * half + i]) for i in range(half)]
                out += [c * a - s * b for (c, s), a, b in zip(angles, first, second, strict=True)]
                out += [s * a + c * b for (c, s), a, b in zip(angles, first, second, strict=True)]
            exact.append(out)
        return Exact(exact, 16)

    def do_scores(self, _block: int, q: Block, k: Block) -> Exact:
        kv, rep, slots = self.axes
        head = len(k[0]) // kv
        exact = []
        for queries in q:
            out = []
            for h in range(kv * rep):
                query = queries[h * head : (h + 1) * head]
                at = h // rep * head
                keys = [row[at : at + head] for row in k]
                out += [self.args["multiplier"] * sum(a * b for a, b in zip(query, key, strict=True)) for key in keys]
            exact.append(out)
        if slots != self.slots:
            raise ModelError(f"{self.name}: scores of {slots} slots")
        return Exact(exact, self.args["shift"])

    def do_softmax(self, _block: int, scores: Block) -> Block:
        table = self.program["tables"][self.args["table"]]["values"]
        out = []
        for t, row in enumerate(scores):
            values: Row = []
            for at in range(0, len(row), self.slots):
                line = row[at : at + self.slots]
                top = max(line[: t + 1])
                values += [table[top - s if u <= t else MASKED] for u, s in enumerate(line)]
            out.append(values)
        return out

    def do_mix(self, _block: int, e: Block, v: Block) -> Exact:
        kv, rep, head = self.axes
        exact = []
        for weights in e:
            out = []
            for h in range(kv * rep):
                line = weights[h * self.slots : (h + 1) * self.slots]
                reciprocal = (1 << 32) // sum(line)
                at = h // rep * head
                out += [reciprocal * sum(w * row[at + d] for w, row in zip(line, v, strict=True)) for d in range(head)]
            exact.append(out)
        return Exact(exact, 32)

    def do_activation(self, _block: int, x: Block) -> Block:
        table = self.program["tables"][self.args["table"]]["values"]
        half = len(table) // 2
        return [[table[signed(self.name, v, half) + half] for v in row] for row in x]

    def do_mul(self, _block: int, a: Block, b: Block) -> Exact:
        factor = self.args["multiplier"]
        exact = [[v * w * factor for v, w in zip(x, y, strict=True)] for x, y in zip(a, b, strict=True)]
        return Exact(exact, self.args["shift"])

    def do_argmax(self, _block: int, logits: Block) -> Block:
        return [[row.index(max(row)) - INT16] for row in logits]


class Exact:
    """Values before rounding, and what is added after it."""

    def __init__(self, values: Block, shift: int, residual: Block | None = None) -> None:
        self.values, self.shift, self.residual = values, shift, residual

    def round(self) -> tuple[Block, Block]:
        pairs = [[rounded(v, self.shift) for v in row] for row in self.values]
        values = [[y for y, _ in row] for row in pairs]
        if self.residual is not None:
            values = [[y + r for y, r in zip(a, b, strict=True)] for a, b in zip(values, self.residual, strict=True)]
        return values, [[rest for _, rest in row] for row in pairs]


def run(program: dict[str, Any], weights: dict[str, Any], tokens: list[int]) -> dict[str, Any]:
    """Every tensor and remainder."""
    slots, sequence = 1 << program["batch_log"], program["sequence"]
    if not 1 <= len(tokens) <= slots or any(not 0 <= t < sequence["vocab"] for t in tokens):
        raise ModelError(f"tokens {tokens}: expected 1 to {slots} ids below {sequence['vocab']}")
    padded = tokens + [0] * (slots - len(tokens))
    nodes = [Node(program, weights, node) for node in program["nodes"]]
    stacks = [tensor["stack"] for tensor in program["tensors"]]
    tensors: list[list[Block | None]] = [[None] * stack for stack in stacks]
    remainders: list[list[Block | None]] = [[None] * stacks[node.output] for node in nodes]
    tensors[program["input"]] = [[[token - INT16] for token in padded]]
    carry = program["carry"]

    def compute(index: int, block: int) -> None:
        node = nodes[index]
        operands = [tensors[at][block] for at in node.inputs]
        if any(operand is None for operand in operands):
            raise ModelError(f"{node.name}: an operand is not defined yet")
        values, rest = node.run(block, [rows for rows in operands if rows is not None])
        tensors[node.output][block], remainders[index][block] = values, rest
        if carry and node.output == carry["input"]:
            tensors[carry["entry"]][0] = values
        if carry and node.output == carry["exit"]:
            last = block + 1 == stacks[carry["entry"]]
            target, at = (carry["output"], 0) if last else (carry["entry"], block + 1)
            tensors[target][at] = values

    body = [i for i, node in enumerate(nodes) if stacks[node.output] > 1]
    before = [i for i in range(len(nodes)) if not body or i < body[0]]
    after = [i for i in range(len(nodes)) if body and i > body[-1]]
    if len(before) + len(body) + len(after) != len(nodes):
        raise ModelError("the repeated nodes do not stand together")
    for index in before:
        compute(index, 0)
    for block in range(stacks[nodes[body[0]].output] if body else 0):
        for index in body:
            compute(index, block)
    for index in after:
        compute(index, 0)
    return {"tensors": tensors, "remainders": [r if any(b is not None for b in r) else None for r in remainders]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", type=Path, help="JSON case; standard input when left out")
    options = parser.parse_args()
    try:
        case = json.loads(options.case.read_text(encoding="utf-8") if options.case else sys.stdin.read())
        result = run(case["program"], case["weights"], case["tokens"])
    except (ModelError, OSError, json.JSONDecodeError) as error:
        print(f"llm_model: {error}", file=sys.stderr)
        return 1
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, ZeroDivisionError) as error:
        print(f"llm_model: the case does not have the expected shape: {error!r}", file=sys.stderr)
        return 1
    json.dump(result, sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
