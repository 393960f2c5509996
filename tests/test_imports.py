"""The house: imports run live -> model -> beam_jobs and in no circle, what must stay out of each, and sizes."""

import ast
import graphlib
import pathlib

import pytest
from commands import REPOSITORY, run_python

PACKAGES = ("beam_jobs", "model", "live")
# What a package may import of ours.
ALLOWED = {"beam_jobs": {"beam_jobs"}, "model": {"model", "beam_jobs"}, "live": {"live", "model", "beam_jobs"}}
# What must not be reachable from a package's modules, through any of ours.
FORBIDDEN = {
    "model": {"apache_beam", "tensorflow_transform", "mediapipe"},
    "live": {"apache_beam", "tensorflow_transform", "tcn", "keras"},
}


def module_files() -> dict[str, pathlib.Path]:
    return {
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*.py")
    }


def imported_names(path: pathlib.Path) -> set[str]:
    """Every module that a file's text imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


FILES = module_files()


# Modules of more lines than that, and functions of more lines without their docstring, need a reason.
MAX_LINES, MAX_FUNCTION_LINES = 350, 60
LONG = {
    "beam_jobs.athletes.exercises.lunge_jumping_jack.lunge": "numbers, not logic",
    "beam_jobs.athletes.no_exercise.resting.rest": "numbers, not logic",
    "beam_jobs.athletes.no_exercise.walking.walk": "numbers, not logic",
    "beam_jobs.athletes.rendering.person._head": "numbers, not logic",
    "beam_jobs.athletes.rendering.room.render_room": "numbers, not logic",
}


def graph_of_modules() -> dict[str, set[str]]:
    """Which modules of ours each one imports. (The packages' __init__.py are empty.)"""
    modules = {name for name, path in FILES.items() if path.name != "__init__.py"}
    return {name: imported_names(FILES[name]) & modules - {name} for name in modules}


def folder(module: str) -> str:
    """The folder of a package that a module lies in, or the module itself on top of a package."""
    parts = module.split(".")
    return ".".join(parts[:2])


def test_modules_import_each_other_in_no_circle():
    graphlib.TopologicalSorter(graph_of_modules()).prepare()


def test_folders_import_each_other_in_no_circle():
    """They have levels, and no arrow runs back up."""
    folders: dict[str, set[str]] = {}
    for module, imported in graph_of_modules().items():
        folders.setdefault(folder(module), set()).update({folder(name) for name in imported} - {folder(module)})
    graphlib.TopologicalSorter(folders).prepare()


def test_the_packages_own_files_are_empty():
    assert [name for name, path in FILES.items() if path.name == "__init__.py" and path.read_text()] == []


def too_long(module: str) -> list[str]:
    text = FILES[module].read_text()
    names = [module] if text.count("\n") > MAX_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            lines = node.end_lineno - node.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)
            names += [f"{module}.{node.name}"] if lines > MAX_FUNCTION_LINES else []
    return names


@pytest.mark.parametrize("module", sorted(FILES))
def test_modules_and_functions_are_short(module):
    assert set(too_long(module)) <= set(LONG)


@pytest.mark.parametrize("module", sorted(FILES))
def test_arrows_run_one_way(module):
    package = module.split(".")[0]
    ours = {name.split(".")[0] for name in imported_names(FILES[module])} & set(PACKAGES)
    assert ours <= ALLOWED[package]


def reachable(package: str) -> dict[str, str]:
    """Libraries that a package's modules reach through ours, each with the module that imports it."""
    seen: set[str] = set()
    todo = [module for module in FILES if module.split(".")[0] == package]
    libraries: dict[str, str] = {}
    while todo:
        module = todo.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in imported_names(FILES[module]):
            if name in FILES:
                todo.append(name)
            elif name.split(".")[0] not in PACKAGES:
                libraries.setdefault(name.split(".")[0], module)
    return libraries


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_heavy_libraries_are_out_of_reach(package):
    found = {library: module for library, module in reachable(package).items() if library in FORBIDDEN[package]}
    assert found == {}


def test_the_walk_finds_what_is_there():
    """Guards the test above: the same walk does see Beam where it is used."""
    assert {"apache_beam", "mediapipe"} <= set(reachable("beam_jobs"))


def test_the_vocabulary_is_light():
    """The modules that everybody imports pull in no framework."""
    imported = run_python(
        "import sys, beam_jobs.landmarks, beam_jobs.tables, beam_jobs.windows, beam_jobs.pose.estimator;"
        "import beam_jobs.storage, model, live; print(*sys.modules, sep='\\n')"
    )
    assert "beam_jobs.tables" in imported
    assert not {"apache_beam", "tensorflow", "mediapipe", "keras", "cv2"} & set(imported)
