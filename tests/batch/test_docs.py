"""The arithmetic of docs/batch.md gives what is printed beneath it."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "batch.md"


@pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree")
def test_the_cost_of_a_million_pictures(capsys):
    text = PAGE.read_text(encoding="utf-8")
    ((code, printed),) = re.findall(
        r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", text, flags=re.DOTALL
    )
    exec(compile(code, PAGE.name, "exec"), {})
    assert capsys.readouterr().out == printed
