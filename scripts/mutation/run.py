"""Mutate sources one change at a time, and print the changes that no test notices.

    scripts/mutate_contracts.sh [--suite NAME] [--list] [--jobs N] [PATTERN...]

PATTERN      only mutants whose line `path:line function [operator] before -> after` one of these expressions matches
--suite      what to mutate (mutation/suites.py); `contracts` by default
--list       print the mutants and run nothing
--equivalent run those in the list of equivalent ones, too
--jobs       copies of the repository to work in at once; 1 by default

Works on copies in a temporary folder. Exits with 0 if no mutant survives but those in `mutation/equivalent.toml`, each
of which has a reason; with 1 if one does, or if an entry of that list is of no mutant; with 2 if the tests fail without
a mutant.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutation.operators import mutants
from mutation.source import Mutant, Source
from mutation.suites import SUITES, Stage, Suite

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
# Far above what all tests take unmutated; a mutant that takes longer does not end.
LIMIT_S = 900

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: `noticed` by a stage, `invalid` if it does not compile, or `survived`."""

    mutant: Mutant
    verdict: str
    stage: str


def key_of(mutant: Mutant, text: str) -> Key:
    """A mutant by its file, its function and its lines before and after: other changes of the file do not matter."""
    begin = text.rfind("\n", 0, mutant.start) + 1
    end = text.find("\n", mutant.end)
    before = text[begin : end if end != -1 else len(text)]
    after = text[begin : mutant.start] + mutant.after + text[mutant.end : begin + len(before)]
    return mutant.path, mutant.function, " ".join(before.split()), " ".join(after.split())


def read_equivalent(path: Path) -> dict[Key, str]:
    """The reviewed list; every entry must have a reason."""
    entries = tomllib.loads(path.read_text())["equivalent"] if path.exists() else []
    read: dict[Key, str] = {}
    for entry in entries:
        before, after = (" ".join(entry[part].split()) for part in ("before", "after"))
        if not entry.get("reason", "").strip():
            raise SystemExit(f"{path}: no reason for `{before}`")
        read[entry["file"], entry["function"], before, after] = entry["reason"]
    return read


def sources_of(suite: Suite, root: Path) -> list[Source]:
    """The files that a suite mutates."""
    excluded = {p for pattern in suite.excluded for p in root.glob(pattern)}
    paths = sorted({p for pattern in suite.sources for p in root.glob(pattern)} - excluded)
    return [Source.of(str(p.relative_to(root)), p.read_text()) for p in paths]


def copy_of(suite: Suite, folder: Path) -> Path:
    """What a suite needs of the repository, under `folder`."""
    for name in suite.copied:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    for name in suite.linked:
        (folder / name).symlink_to(ROOT / name)
    return folder


def run_stage(stage: Stage, path: str, folder: Path) -> tuple[bool, str]:
    """Whether a stage's command passes, and what it printed."""
    environment = {**os.environ, **stage.environment}
    try:
        done = subprocess.run(
            stage.command(path),
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"longer than {LIMIT_S} s"
    return done.returncode == 0, done.stdout + done.stderr


def try_mutant(suite: Suite, mutant: Mutant, text: str, folder: Path) -> Outcome:
    """Run the stages on one mutant in a copy, and put the copy right again."""
    target = folder / mutant.path
    target.write_text(mutant.apply(text))
    try:
        for stage in suite.stages:
            passes, printed = run_stage(stage, mutant.path, folder)
            if any(mark in printed for mark in suite.invalid):
                return Outcome(mutant, "invalid", stage.name)
            if not passes:
                return Outcome(mutant, "noticed", stage.name)
    finally:
        target.write_text(text)
    return Outcome(mutant, "survived", "")


def require_green(suite: Suite, paths: Sequence[str], folder: Path) -> None:
    """Refuse to judge by tests that fail, or do not run, without any mutant."""
    commands = {tuple(stage.command(path)): (stage, path) for stage in suite.stages for path in paths}
    for stage, path in commands.values():
        passes, printed = run_stage(stage, path, folder)
        if not passes or "No tests" in printed:
            print(printed[-4000:], file=sys.stderr)
            print(f"mutate_contracts: `{' '.join(stage.command(path))}` fails without a mutant", file=sys.stderr)
            raise SystemExit(2)


def run_all(suite: Suite, chosen: Sequence[Mutant], texts: dict[str, str], jobs: int) -> list[Outcome]:
    """Try every mutant, telling of each as it is done."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as scratch:
        folders: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for job in range(jobs):
            folder = copy_of(suite, Path(scratch) / str(job))
            require_green(suite, sorted({mutant.path for mutant in chosen}), folder)
            folders.put(folder)
        done = 0

        def work(mutant: Mutant) -> Outcome:
            nonlocal done
            folder = folders.get()
            try:
                outcome = try_mutant(suite, mutant, texts[mutant.path], folder)
            finally:
                folders.put(folder)
            done += 1
            print(f"{done}/{len(chosen)} {outcome.verdict}: {mutant.name}", file=sys.stderr, flush=True)
            return outcome

        pool = ThreadPoolExecutor(jobs)
        try:
            return list(pool.map(work, chosen))
        finally:
            # Interrupted: what has not begun is left out, and the copies are removed.
            pool.shutdown(cancel_futures=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutate_contracts.sh", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--suite", choices=sorted(SUITES), default="contracts")
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    parser.add_argument("--equivalent", action="store_true", help="run those in the list of equivalent ones, too")
    parser.add_argument("--jobs", type=int, default=1, help="copies to work in at once")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="only mutants that a regular expression matches")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parse(arguments)
    suite = SUITES[options.suite]
    sources = sources_of(suite, ROOT)
    texts = {source.path: source.text for source in sources}
    every = [mutant for source in sources for mutant in mutants(source, suite.operators)]
    equivalent = read_equivalent(EQUIVALENT)
    keys = {mutant: key_of(mutant, texts[mutant.path]) for mutant in every}
    unknown = [key for key in equivalent if key[0] in texts and key not in keys.values()]
    chosen = [m for m in every if not options.patterns or any(re.search(p, m.name) for p in options.patterns)]
    skipped = [] if options.equivalent else [m for m in chosen if keys[m] in equivalent]
    chosen = [m for m in chosen if m not in skipped]
    if options.list:
        print("\n".join(m.name for m in chosen))
        return 0
    for path, _, before, after in unknown:
        print(f"no mutant: {path} `{before}` -> `{after}` in {EQUIVALENT.relative_to(ROOT)}", file=sys.stderr)
    outcomes = run_all(suite, chosen, texts, options.jobs)
    count = Counter(outcome.verdict for outcome in outcomes)
    survivors = [o.mutant for o in outcomes if o.verdict == "survived" and keys[o.mutant] not in equivalent]
    for mutant in survivors:
        print(f"survived: {mutant.name}")
    print(
        f"{count['noticed']} noticed, {len(survivors)} survived, {len(skipped)} equivalent, {count['invalid']} invalid",
        flush=True,
    )
    return 1 if survivors or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
