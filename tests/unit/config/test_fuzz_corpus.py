"""Every input of the fuzzer's corpus, also where the fuzzer itself is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from talos.config import Config, ConfigError
from talos.config.redact import difference, redact
from talos.config.validate import validate

CORPUS = sorted((Path(__file__).parents[2] / "fuzz/corpus/config").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.name)
def test_refused_or_read(path: Path) -> None:
    try:
        config = Config.decode(path.read_bytes())
    except ConfigError as e:
        assert e.problems
        return
    again = Config.decode(config.encode())
    assert again == config
    assert redact(again).documents
    assert difference(config, again) == ""
    try:
        validate(config, "metal")
    except ConfigError as e:
        assert e.problems
