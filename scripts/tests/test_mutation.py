"""The mutator: what it changes, and that its verdicts are those of the tests that it runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mutation import run
from mutation.operators import SOLIDITY, mutants
from mutation.run import key_of, read_equivalent, require_green, run_stage, try_mutant
from mutation.source import Source
from mutation.suites import SUITES, Stage, Suite

VAULT = """\
// if (a < b) revert Never();
contract Vault {
    error Empty(uint256 least);
    event Sent(address to, uint256 amount);
    bytes32 constant DOMAIN = keccak256("vault.v1");

    function send(address to, uint256 amount) external onlyOwner {
        if (amount == 0 || to == address(0)) revert Empty(1); // a "comment" with 7
        balance[to] -= amount;
        emit Sent(to, amount);
        (bool sent,) = to.call{value: amount}("");
        assembly {
            let word := add(amount, 32)
            mstore(0, word)
        }
    }

    function name(address a, uint256 b) external pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, a, b));
    }
}
"""


def changes() -> dict[str, set[tuple[str, str]]]:
    source = Source.of("Vault.sol", VAULT)
    found: dict[str, set[tuple[str, str]]] = {}
    for mutant in mutants(source, SOLIDITY):
        before, after = (" ".join(text.split()) for text in (mutant.before, mutant.after))
        found.setdefault(mutant.operator, set()).add((before, after))
    return found


def test_every_operator_finds_its_places() -> None:
    found = changes()
    condition = "amount == 0 || to == address(0)"
    assert found["refused_conditions"] == {(condition, "false")}
    assert found["operands"] == {(condition, "amount == 0"), (condition, "to == address(0)")}
    assert found["comparisons"] == {("==", "!=")}
    assert found["arithmetic"] == {("add", "sub")}
    assert {("0", "1"), ("32", "31"), ("32", "33"), ("1", "2")} <= found["constants"]
    assert not {"7", "256"} & {before for before, _ in found["constants"]}, "neither comments nor types"
    assert found["strings"] == {('bytes32 constant DOMAIN = keccak256("vault.v1");', "other")}
    assert ("balance[to] -= amount;", "") in found["statements"]
    assert ("emit Sent(to, amount);", "") in found["statements"]
    assert ("mstore(0, word)", "") in found["statements"]
    assert ("DOMAIN, a, b", "DOMAIN, a") in found["hashed_parts"]
    assert ("DOMAIN, a, b", "a, b") in found["hashed_parts"]
    assert ("a, b", "b, a") in found["arguments"]
    assert found["modifiers"] == {("onlyOwner", "")}
    (late,) = (after for _, after in found["late_effects"])
    assert late.startswith("emit Sent")
    assert late.endswith("balance[to] -= amount;")


def test_a_mutant_is_one_change_and_knows_its_place() -> None:
    source = Source.of("Vault.sol", VAULT)
    for mutant in mutants(source, SOLIDITY):
        changed = mutant.apply(VAULT)
        assert changed != VAULT
        assert changed.startswith(VAULT[: mutant.start])
        assert changed.endswith(VAULT[mutant.end :])
        assert mutant.line > 4, "the comment, the error and the event are no places"
        assert mutant.function in ("send", "name", ""), mutant.name
    strings = [m for m in mutants(source, SOLIDITY) if m.operator == "strings"]
    assert key_of(strings[0], VAULT)[2:] == (
        'bytes32 constant DOMAIN = keccak256("vault.v1");',
        'bytes32 constant DOMAIN = keccak256("other vault.v1");',
    )


def test_the_list_of_equivalent_mutants_needs_reasons(tmp_path: Path) -> None:
    entry = '[[equivalent]]\nfile = "A.sol"\nfunction = "f"\nbefore = "a  <\\n b"\nafter = "a <= b"\n'
    path = tmp_path / "equivalent.toml"
    path.write_text(entry + 'reason = "a is never b"\n')
    assert read_equivalent(path) == {("A.sol", "f", "a < b", "a <= b"): "a is never b"}
    path.write_text(entry)
    with pytest.raises(SystemExit, match="no reason"):
        read_equivalent(path)
    # That of the repository is of mutants that there are.
    for name, suite in SUITES.items():
        sources = run.sources_of(suite, run.ROOT)
        assert sources, name
        every = {key_of(m, source.text) for source in sources for m in mutants(source, suite.operators)}
        listed = {key for key in read_equivalent(run.EQUIVALENT) if key[0] in {source.path for source in sources}}
        assert listed <= every, listed - every


def test_verdicts_are_those_of_the_tests(tmp_path: Path) -> None:
    def stage(check: str) -> Stage:
        return Stage("python", lambda path: [sys.executable, "-c", f"text = open({path!r}).read(); {check}"], {})

    (tmp_path / "Vault.sol").write_text(VAULT)
    source = Source.of("Vault.sol", VAULT)
    mutant = next(m for m in mutants(source, SOLIDITY) if m.operator == "modifiers")

    def verdict(check: str) -> str:
        suite = Suite("test", ("*.sol",), SOLIDITY, (stage(check),), invalid=("cannot compile",))
        outcome = try_mutant(suite, mutant, VAULT, tmp_path)
        assert (tmp_path / "Vault.sol").read_text() == VAULT, "put right again"
        return outcome.verdict

    assert verdict("assert 'onlyOwner' in text") == "noticed"
    assert verdict("assert 'amount' in text") == "survived"
    assert verdict("print('cannot compile')") == "invalid"
    # Tests that fail without a mutant are no judges.
    red = Suite("test", ("*.sol",), SOLIDITY, (stage("raise SystemExit(1)"),))
    with pytest.raises(SystemExit):
        require_green(red, ["Vault.sol"], tmp_path)
    assert run_stage(stage("print('done')"), "Vault.sol", tmp_path) == (True, "done\n")
