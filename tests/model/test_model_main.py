import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", [[], ["train"], ["finetune"], ["evaluate"], ["benchmark"], ["synthesize"]])
def test_help_has_an_example(command):
    done = subprocess.run(
        [sys.executable, "-m", "model", *command, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    if command:
        assert f"Example: python -m model {command[0]} --" in " ".join(done.stdout.split())


def test_options_import_nothing_heavy():
    code = (
        "import sys, model.options;"
        "print([m for m in ('tensorflow', 'keras', 'tcn', 'matplotlib', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["train", "--tables", "{empty}/none", "--output", "{out}"], 2, "none does not exist"),
        (["train", "--tables", "{empty}", "--output", "{out}"], 2, "has no final_features"),
        (
            ["train", "--tables", "{tables}", "--output", "{out}", "--config", '{"epochs": 3}'],
            2,
            "unknown key 'epochs'",
        ),
        (["train", "--tables", "{tables}", "--output", "{full}"], 2, "has no bundle.json"),
        (["train", "--tables", "{tables}", "--output", "{out}", "--log_dir", "gs://b/logs"], 2, "--log_dir"),
        (
            ["train", "--tables", "{tables}", "--output", "{out}", "--config", '{"network": {"name": "x"}}'],
            2,
            "network: name is 'x'",
        ),
        (
            ["train", "--tables", "{tables}", "--output", "{full}/thesis.txt/bundle"],
            2,
            "thesis.txt is a file",
        ),
        (["train", "--tables", "{tables}", "--output", "{out}", "--log_dir", "{full}/thesis.txt"], 2, "is a file"),
        (["train", "--tables", "{tables}", "--output", "{out}", "--config", "{empty}"], 2, "is a folder; expected"),
        (
            ["finetune", "--bundle", "{bundle}", "--tables", "{tables}", "--output", "{out}", "--config", '{"sed": 3}'],
            2,
            "--config: unknown key 'sed'",
        ),
        (["finetune", "--bundle", "{empty}/b", "--tables", "{tables}", "--output", "{out}"], 2, "b does not exist"),
        (["evaluate", "--bundle", "{empty}", "--tables", "{tables}", "--output", "{out}"], 1, "has no bundle.json"),
        (["evaluate", "--bundle", "{bundle}", "--tables", "{tables}", "--output", "{full}"], 2, "has no metrics.json"),
    ],
)
def test_mistakes_are_reported_with_their_exit_codes(arguments, code, said, made_tables, made_bundle, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    names = {"empty": tmp_path / "empty", "out": tmp_path / "out", "full": tmp_path / "full"}
    filled = [
        a if a.startswith("{") and '"' in a else a.format(tables=made_tables, bundle=made_bundle, **names)
        for a in arguments
    ]
    assert main(filled) == code
    messages = capsys.readouterr().err
    assert messages.startswith("error: ") and said in messages and "Traceback" not in messages
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        (["train"], "--network=lstm"),
        (["train"], "--split=test"),
        (["finetune", "--bundle", "x"], "--network=tcn"),
        (["evaluate", "--bundle", "x"], "--config={}"),
        # Figures of what a bundle was trained on are not to be had by a slip.
        (["evaluate", "--bundle", "x"], "--split=train"),
    ],
)
def test_flags_of_other_commands_and_unknown_values_are_wrong_usage(command, flag, made_tables, capsys):
    try:
        code = main([*command, "--tables", made_tables, "--output", "x", flag])
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert flag.split("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "flag", "hint"),
    [
        ("train", "--no_such_flag", "model train --help"),
        ("train", "--netwrk=tcn", "--network?"),
        ("train", "--everything", "--all_splits now"),
        ("finetune", "--also=x", "--synthetic_tables now"),
        ("synthesize", "--drawn=x", "--athletes now"),
        ("benchmark", "--replace", "--if_settings_differ replace now"),
    ],
)
def test_a_former_or_misspelt_flag_is_answered_by_the_right_one(command, flag, hint, made_tables, capsys):
    assert main([command, "--tables", made_tables, "--output", "x", flag]) == 2
    messages = capsys.readouterr().err
    assert hint in messages and messages.count("\n") == 1


def test_an_output_that_cannot_be_written_is_reported_before_training(made_tables, tmp_path, capsys, monkeypatch):
    # Tests may run as root, whom no permission stops.
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    assert main(["train", "--tables", made_tables, "--output", str(tmp_path / "new" / "bundle")]) == 2
    messages = capsys.readouterr().err
    assert f"{tmp_path} cannot be written to" in messages and "windows" not in messages


def test_evaluating_needs_no_configuration_and_finetuning_says_whose_it_is(made_bundle, made_tables, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(made_bundle, copy)
    metadata = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps({**metadata, "config": {"later": 1}}))
    both = ["--bundle", str(copy), "--tables", made_tables, "--output"]
    assert main(["evaluate", *both, str(tmp_path / "report")]) == 0
    capsys.readouterr()
    assert main(["finetune", *both, str(tmp_path / "tuned")]) == 1
    messages = capsys.readouterr().err
    assert messages.startswith(f"error: {copy}: ") and "unknown key 'later'" in messages


@pytest.mark.slow
def test_the_commands_one_after_the_other(made_tables, tmp_path, capsys):
    bundle, tuned, report = (str(tmp_path / name) for name in ("bundle", "tuned", "report"))
    quick = {
        "network": {"filters": 8, "dense_units": 8, "dilations": [1]},
        "training": {"epochs": 1, "finetune_epochs": 1},
    }
    assert main(["train", "--tables", made_tables, "--output", bundle, "--config", json.dumps(quick)]) == 0
    assert "windows right (6 groups" in capsys.readouterr().out
    assert main(["finetune", "--bundle", bundle, "--tables", made_tables, "--output", tuned]) == 0
    saved = json.loads(Path(tuned, "bundle.json").read_text())
    # What --config leaves out is as in the bundle.
    assert saved["config"]["network"]["filters"] == 8 and saved["config"]["training"]["finetune_epochs"] == 1
    for _ in range(2):
        # A report that is there is replaced.
        assert main(["evaluate", "--bundle", tuned, "--tables", made_tables, "--output", report]) == 0
    assert "report.html" in capsys.readouterr().out
    assert Path(report, "report.html").exists() and Path(report, "metrics.json").exists()
