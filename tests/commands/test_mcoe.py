"""The command ``mcoe``: what it lists, and what it does with words that it does not know."""

from __future__ import annotations

import importlib
import sys

import pytest

from mcoe import __main__ as command
from mcoe.core.errors import McoeError


def test_every_command_is_a_module_with_a_main(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (module, _) in command.COMMANDS.items():
        assert callable(importlib.import_module(module).main), name
    assert command.main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in command.COMMANDS)


def test_without_arguments_it_takes_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["mcoe", "nonsense"])
    assert command.main() == 2
    said = capsys.readouterr().err
    assert "'nonsense'" in said and "info" in said and said.count("\n") == 1


def test_bad_input_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def fail(argv: list[str]) -> int:
        raise McoeError("This file is no file.")

    monkeypatch.setattr("mcoe.commands.info.main", fail)
    assert command.main(["info"]) == 2
    assert capsys.readouterr().err == "mcoe info: This file is no file.\n"


@pytest.mark.parametrize("name", command.COMMANDS)
def test_help_of_each_names_it_as_it_is_called(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([name, "--help"])
    assert ended.value.code == 0
    assert f"mcoe {name}" in capsys.readouterr().out.splitlines()[0]
