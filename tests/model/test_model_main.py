import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from model.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", [[], ["train"], ["finetune"], ["evaluate"]])
def test_help_is_quick_and_has_an_example(command):
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "model", *command, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    took = time.monotonic() - start
    assert done.returncode == 0
    if command:
        assert f"Example: python -m model {command[0]} --" in " ".join(done.stdout.split())
    # Under a second on an idle machine; TensorFlow alone would take many.
    assert took < 5


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
        (["train", "--tables", "{empty}/none", "--output", "{out}"], 2, "none does not exist; expected the output of"),
        (["train", "--tables", "{empty}", "--output", "{out}"], 2, "has no final_features"),
        (
            ["train", "--tables", "{tables}", "--output", "{out}", "--config", '{"epochs": 3}'],
            2,
            "unknown key 'epochs'",
        ),
        (["train", "--tables", "{tables}", "--output", "{full}"], 2, "is there and has no bundle.json"),
        (["train", "--tables", "{tables}", "--output", "{out}", "--log_dir", "gs://b/logs"], 2, "--log_dir"),
        (
            ["train", "--tables", "{tables}", "--output", "{out}", "--config", '{"network": {"name": "x"}}'],
            2,
            "network.name is 'x'; expected one of",
        ),
        (["finetune", "--bundle", "{empty}/b", "--tables", "{tables}", "--output", "{out}"], 2, "b does not exist"),
        (["evaluate", "--bundle", "{empty}", "--tables", "{tables}", "--output", "{out}"], 1, "has no bundle.json"),
        (["evaluate", "--bundle", "{bundle}", "--tables", "{tables}", "--output", "{full}"], 2, "has no metrics.json"),
    ],
)
def test_mistakes_are_told_with_their_exit_codes(arguments, code, said, made_tables, made_bundle, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    names = {"empty": tmp_path / "empty", "out": tmp_path / "out", "full": tmp_path / "full"}
    filled = [
        a if a.startswith("{") and '"' in a else a.format(tables=made_tables, bundle=made_bundle, **names)
        for a in arguments
    ]
    assert main(filled) == code
    told = capsys.readouterr().err
    assert told.startswith("error: ") and said in told and "Traceback" not in told
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--no_such_flag", "--network=lstm", "--split=train"])
def test_unknown_flags_are_wrong_usage(flag, made_tables, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "--tables", made_tables, "--output", "x", flag])
    assert caught.value.code == 2


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
