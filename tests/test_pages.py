"""The pages: links lead somewhere, commands parse, the front page is short and its Python runs."""

import contextlib
import io
import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest
from commands import REPOSITORY

import beam_jobs.options
import live.__main__
import live.server.command
import model.options
from beam_jobs.errors import UsageError


def parse_live(arguments: list[str]):
    """`serve` is a command of its own beside what live does without a command."""
    serves = arguments[:1] == ["serve"]
    return live.server.command.parse(arguments[1:]) if serves else live.__main__.parse(arguments)


PARSERS = {"beam_jobs": beam_jobs.options.parse, "model": model.options.parse, "live": parse_live}
MAX_LINES = 120


def pages() -> list[str]:
    """Every Markdown file that git has or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (REPOSITORY / name).exists()]


PAGES = pages()


def read(page: str | pathlib.Path) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


def anchors(text: str) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", without_code(text), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 1
        while (name if number == 1 else f"{name}-{number - 1}") in found:
            number += 1
        found.add(name if number == 1 else f"{name}-{number - 1}")
    return found


def links(text: str) -> list[str]:
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", without_code(text)))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


START = r"python -m (?:beam_jobs|model|live) [-\w]"


def commands(text: str) -> list[str]:
    """Every whole `python -m` command of ours: the lines of code blocks."""
    joined = re.sub(r"\\\n\s*", " ", text)
    blocks = re.findall(r"^```\w*\n(.*?)^```", joined, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [line for line in joined.splitlines() if line.startswith("    ")]
    found = []
    for number, line in enumerate(lines):
        if re.match(rf"\s*{START}", line):
            command = line.strip()
            # A quoted argument may go on in the next line.
            following = iter(lines[number + 1 :])
            while command.count("'") % 2:
                command += " " + next(following).strip()
            found.append(command)
    return found


def mentions(text: str) -> list[str]:
    """Commands in prose, which need not be whole."""
    return re.findall(rf"`({START}[^`]*)`", re.sub(r"\s+", " ", without_code(text)))


def made_targets(text: str) -> set[str]:
    return set(re.findall(r"(?:^    |`)make ([a-z][\w-]*)", text, re.M))


def problem(command: str) -> str | None:
    """What is wrong with a command line by its own parser; files that are not there are not."""
    package, *arguments = shlex.split(command, comments=True)[2:]
    try:
        PARSERS[package](arguments)
    except SystemExit as stopped:
        return f"{command}: exit code {stopped.code}" if stopped.code else None
    except UsageError as error:
        return None if "does not exist" in str(error) else f"{command}: {error}"
    return None


def unknown_flags(mention: str) -> list[str]:
    """The flags of a command in prose that its --help does not have; the command itself, where it is none."""
    package, *arguments = mention.split()[2:]
    flags = [argument for argument in arguments if argument.startswith("--")]
    subcommand = [] if package == "live" and arguments[:1] != ["serve"] else arguments[:1]
    text = io.StringIO()
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit) as stopped:
        PARSERS[package]([*subcommand, "--help"])
    return [mention] if stopped.value.code else [flag for flag in flags if flag not in text.getvalue()]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    broken = []
    for link in links(read(page)):
        name, _, anchor = link.partition("#")
        target = (REPOSITORY / page).parent / name if name else REPOSITORY / page
        if not target.exists() or (anchor and anchor not in anchors(read(target))):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_parse(page, tmp_path, monkeypatch, capfd):
    # Where none of the named files are: each command is parsed, and none is run.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("beam_jobs.storage.exists", os.path.exists)  # no bucket is asked
    # The changelog names flags of earlier versions.
    found = [] if page == "CHANGELOG.md" else commands(read(page))
    assert [wrong for command in found if (wrong := problem(command))] == []
    found = [] if page == "CHANGELOG.md" else mentions(read(page))
    assert [flag for mention in found for flag in unknown_flags(mention)] == []


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([\w-]+):", read("Makefile"), re.M))
    assert made_targets(read(page)) <= targets


def test_the_front_page_is_short():
    assert len(read("README.md").splitlines()) <= MAX_LINES


def test_the_front_page_starts_somebody():
    """Guards the tests above: they do see the commands and links of the front page."""
    text = read("README.md")
    packages = {command.split()[2] for command in commands(text)}
    assert packages == set(PARSERS)
    assert {"live/default_bundle/MODEL_CARD.md", "results/README.md"} <= set(links(text))
    assert {"demo", "picture"} <= made_targets(text)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python -m live --source 0 --mirror_mirror", "mirror_mirror"),
        ("python -m model train --table tables --output bundle", "exit code 2"),
        ("python -m beam_jobs extract --videos videos --output tables --no_such_flag", "no_such_flag"),
        ("python -m beam_jobs athletes --output videos --variety huge", "exit code 2"),
    ],
)
def test_a_wrong_command_is_seen(command, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expected in str(problem(command))


@pytest.mark.parametrize("mention", ["python -m model tran", "python -m live --no_such_flag"])
def test_a_wrong_mention_is_seen(mention):
    assert unknown_flags(mention)


@pytest.mark.slow
def test_the_front_pages_python_runs(athlete_videos, athlete_tables, tmp_path, pose_model_path):
    (code,) = re.findall(r"^```python\n(.*?)^```", read("README.md"), re.M | re.S)
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "default_bundle").symlink_to(REPOSITORY / "live" / "default_bundle")
    (tmp_path / "clip.mp4").symlink_to(next(athlete_videos.glob("squat/*.mp4")))
    (tmp_path / "tables").symlink_to(athlete_tables)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *answers, summary, table = done.stdout.splitlines()
    assert len(answers) > 60
    assert any("squat" in answer for answer in answers)
    assert "Summary(" in summary
    assert "video_id" in table
