"""The soak runs the real application and watches it from outside; one that does not get through is told."""

from __future__ import annotations

import pytest

from mcoe.commands import soak


@pytest.mark.slow
@pytest.mark.slow
def test_a_short_soak_gives_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["--minutes", "0.1", "--only", "reopen"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "part"
    assert row.split()[0] == "reopen"
    assert "→" in row and "%" in row


def test_an_application_that_does_not_start_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "window_module", lambda: "mcoe.no_such_module")
    assert soak.main(["--minutes", "0.1", "--only", "replay"]) == 1
    assert "did not get through (1)" in capsys.readouterr().out
