"""Flags of Talos' own client that nothing here carries out say why, and what to do."""

from __future__ import annotations

import click
import pytest

from talos.talosctl.cluster import refused
from talos.talosctl.cluster.create import create
from talos.talosctl.main import run


def _flags() -> list[click.Option]:
    command = refused.create(click.command()(lambda **_: None))
    assert isinstance(command, click.Command)
    return [option for option in command.params if isinstance(option, click.Option) and option.callback]


@pytest.mark.parametrize("option", _flags(), ids=lambda option: option.name)
def test_each_flag_of_create_names_a_next_step(option: click.Option, capsys: pytest.CaptureFixture[str]) -> None:
    value = {True: "false", False: "true"}.get(option.default, "7") if option.is_flag else "7"  # type: ignore[arg-type]
    assert run(["cluster", "create", "--name", "never-made", f"{option.opts[-1]}={value}"]) == 1
    said = capsys.readouterr().err
    assert f"{option.opts[-1]}: " in said
    sentence = said.split("\n")[0]
    assert any(word in sentence for word in ("leave", "use --", "--", "`talosctl", "`make")), sentence


def test_the_reasons_are_of_flags_that_exist() -> None:
    known = {option.name for option in _flags()}
    known |= {"image_factory_auth", "image_factory_url", "schematic_id"}
    assert set(refused._REASONS) <= known
    assert {param.name for param in create.params} >= {"with_json_logs", "with_debug"}
