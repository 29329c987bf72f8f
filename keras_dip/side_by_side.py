"""Functions called in processes of their own, several at the same time."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

CALL = """
import importlib, json, sys
module, name, arguments = json.loads(sys.argv[1])
result = getattr(importlib.import_module(module), name)(*arguments)
print(json.dumps(result))
"""


def call_all(
    module: str,
    calls: Sequence[tuple[str, Sequence[Any]]],
    *,
    at_once: int,
    seconds: float,
    environment: Mapping[str, str],
) -> list[Any]:
    """Call functions of a module, and return what each gave.

    Args:
        module: whose functions they are.
        calls: name and arguments of each; these, and what it returns, as JSON has them.
        at_once: how many processes there are at the same time.
        seconds: after which those that have not ended are killed.
        environment: beside the present one.

    Returns:
        One result for each call; None for one that failed, or had no time.
    """
    end = time.monotonic() + seconds
    results: list[Any] = []
    for first in range(0, len(calls), at_once):
        with ExitStack() as stack:
            begun = []
            for call in calls[first : first + at_once]:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-c", CALL, json.dumps([module, *call])],
                    env={**os.environ, **environment},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                begun.append(stack.enter_context(process))
                stack.callback(process.kill)
            results += [_result(process, end - time.monotonic()) for process in begun]
    return results


def _result(process: "subprocess.Popen[str]", seconds: float) -> Any:
    try:
        told, _ = process.communicate(timeout=max(seconds, 0))
        return json.loads(told.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, json.JSONDecodeError):
        return None
