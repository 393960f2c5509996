import io
import sys

import pytest

from beam_jobs import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.bar(4, "videos", done=1) as bar:
        bar.update(3, "9 frames")
    shown = sys.stderr.getvalue()
    assert "4/4" in shown and "videos" in shown and "9 frames" in shown and "\r" in shown


@pytest.mark.parametrize(("every_s", "num_lines"), [(0.0, 4), (1000.0, 1)])
def test_a_line_now_and_then_where_there_is_no_terminal(monkeypatch, capsys, every_s, num_lines):
    monkeypatch.setattr(progress, "LINE_EVERY_S", every_s)
    with progress.bar(3, "rows") as bar:
        for number in range(3):
            bar.update(note=f"{number} beside")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == num_lines
    assert lines[-1].startswith("3/3 rows, 2 beside, 0 s left")


def test_workers_tell_the_launcher(capsys):
    with progress.show_progress(2, "videos", "frames") as address:
        sender = progress.ProgressSender(address)
        for _ in range(2):
            sender.send(videos=1, frames=10)
        sender.close()
    assert "2/2 videos, 20 frames" in capsys.readouterr().err
    progress.ProgressSender(None).send(videos=1)
