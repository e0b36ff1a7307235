"""One stage of EZKL in its own process: `python ezkl_stage.py STAGE FOLDER VISIBILITY`.

FOLDER holds model.onnx, input.json and calibration.json; every stage reads and writes beside them. The last line
printed is JSON with the seconds spent inside the EZKL call, so that importing Python modules is not counted.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ezkl

# Visibility of (input, parameters); the output is always public.
VISIBILITY = {
    "private": ("private", "private"),
    "polycommit": ("private", "polycommit"),
    "hashed": ("hashed", "hashed"),
}


def paths(folder: Path) -> dict[str, str]:
    names = {
        "model": "model.onnx",
        "data": "input.json",
        "calibration": "calibration.json",
        "settings": "settings.json",
        "circuit": "model.compiled",
        "srs": "kzg.srs",
        "vk": "vk.key",
        "pk": "pk.key",
        "witness": "witness.json",
        "proof": "proof.json",
    }
    return {key: str(folder / name) for key, name in names.items()}


def stages(folder: Path, visibility: str) -> dict[str, Callable[[], Any]]:
    """Stage name -> the EZKL call."""
    p = paths(folder)

    def settings() -> Any:
        arguments = ezkl.PyRunArgs()
        arguments.input_visibility, arguments.param_visibility = VISIBILITY[visibility]
        arguments.output_visibility = "public"
        return ezkl.gen_settings(model=p["model"], output=p["settings"], py_run_args=arguments)

    def srs() -> Any:
        logrows = json.loads(Path(p["settings"]).read_text())["run_args"]["logrows"]
        return ezkl.gen_srs(p["srs"], logrows)

    def witness() -> Any:
        return ezkl.gen_witness(
            data=p["data"], model=p["circuit"], output=p["witness"], vk_path=p["vk"], srs_path=p["srs"]
        )

    return {
        "settings": settings,
        "calibrate": lambda: ezkl.calibrate_settings(
            data=p["calibration"], model=p["model"], settings=p["settings"], target="resources", lookup_safety_margin=2
        ),
        "compile": lambda: ezkl.compile_circuit(
            model=p["model"], compiled_circuit=p["circuit"], settings_path=p["settings"]
        ),
        "srs": srs,
        "setup": lambda: ezkl.setup(
            model=p["circuit"],
            vk_path=p["vk"],
            pk_path=p["pk"],
            srs_path=p["srs"],
            disable_selector_compression=False,
        ),
        "witness": witness,
        "prove": lambda: ezkl.prove(
            witness=p["witness"], model=p["circuit"], pk_path=p["pk"], proof_path=p["proof"], srs_path=p["srs"]
        ),
        "verify": lambda: ezkl.verify(
            proof_path=p["proof"],
            settings_path=p["settings"],
            vk_path=p["vk"],
            srs_path=p["srs"],
            reduced_srs=False,
        ),
    }


async def perform(call: Callable[[], Any]) -> Any:
    """Some EZKL calls return a future, which must be made inside an event loop."""
    result = call()
    return await result if inspect.isawaitable(result) else result


def main() -> int:
    stage, folder, visibility = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    start = time.perf_counter()
    result = asyncio.run(perform(stages(folder, visibility)[stage]))
    seconds = time.perf_counter() - start
    if result is False:
        print(f"ezkl {stage} returned False", file=sys.stderr)
        return 1
    print(json.dumps({"seconds": seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
