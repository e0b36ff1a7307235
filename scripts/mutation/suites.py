"""What is mutated, and with which tests. Another kind of source is another `Suite` in `SUITES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from mutation.operators import SOLIDITY, Operator

# The compiler is one of wasm: without the optimiser it takes a third of the time, and what a mutant does is the same.
# Warnings are no reason to refuse a mutant, such as one that leaves a parameter unused.
_BUILD = {"FOUNDRY_OPTIMIZER": "false", "FOUNDRY_DENY": "never"}

# Where to look first for who tests what has no test file of its own name: a survivor goes on to all tests.
_FIRST = {
    "CodePin": "InferenceVerifier",
    "CredentialRoots": "EligibilityPoll",
    "Halo2Caller": "InferenceVerifier",
    "ModelShape": "InferenceVerifier",
    "DirectVerifier": "InferenceVerifier",
    "StatementCaller": "RoutedVerifier",
    "RoutedWeightVerifier": "RoutedVerifier",
    "RegistryCaller": "Erc7992",
}


@dataclass(frozen=True)
class Stage:
    """One command that a mutant must fail; only who passes it goes on to the next.

    `command` gets the mutated path and is run in the copy of the repository, with `environment` beside the caller's.
    """

    name: str
    command: Callable[[str], list[str]]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Suite:
    """Sources, what is changed in them, and who must notice.

    `copied` is what the copy needs of the repository; `linked` is reached by a link. `sources` and `excluded` are
    patterns of paths in it.
    """

    name: str
    sources: tuple[str, ...]
    operators: list[Operator]
    stages: tuple[Stage, ...]
    excluded: tuple[str, ...] = ()
    copied: tuple[str, ...] = ("contracts", "foundry.toml", "package.json", "scripts/solc")
    linked: tuple[str, ...] = ("node_modules",)
    invalid: tuple[str, ...] = field(default=("Compiler run failed",))


def _own_test(path: str) -> list[str]:
    name = PurePath(path).stem
    name = _FIRST.get(name, name)
    return ["forge", "test", "--fail-fast", "--match-path", f"contracts/test/{name}.t.sol"]


def _every_test(_: str) -> list[str]:
    # Gas is not what a mutant must keep, and sizes are the optimiser's.
    return ["forge", "test", "--fail-fast", "--no-match-contract", "Gas|Sizes"]


SUITES: dict[str, Suite] = {
    "contracts": Suite(
        name="contracts",
        sources=(
            "contracts/src/*.sol",
            "contracts/src/adapters/*.sol",
            "contracts/src/examples/*.sol",
            "contracts/src/libraries/*.sol",
        ),
        operators=SOLIDITY,
        stages=(
            Stage("own tests", _own_test, {**_BUILD, "FOUNDRY_FUZZ_RUNS": "32"}),
            Stage(
                "all tests",
                _every_test,
                {**_BUILD, "FOUNDRY_FUZZ_RUNS": "128", "FOUNDRY_INVARIANT_RUNS": "8"},
            ),
        ),
    ),
}
