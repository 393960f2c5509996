"""The tables of a benchmark: their names, and their contents once something asks for them."""

import dataclasses
import functools

from beam_jobs.errors import UserError
from beam_jobs.labels import NO_EXERCISE
from model import config, dataset
from model.benchmark import cross_validation, robustness, settings_hash
from model.benchmark.cross_validation import LabelledWindows
from model.benchmark.experiments import Coordinates, Experiment


@dataclasses.dataclass(frozen=True)
class BenchmarkInputs:
    """Which tables a benchmark reads, and how it splits them.

    Attributes:
      tables: of the clips; the output of the features job.
      fits_dir: where fits are kept.
      num_folds: of each seed.
      min_clips: the least number of clips of a class.
      athletes: tables of drawn athletes; "" for none. Nothing is trained on their test split.
      synthetic_tables: tables of synthesized athletes, likewise.
      extra_tables: tables of further real clips, which are trained on and not tested.
      tables_30hz: of the same clips, extracted at 30 Hz; "" for none.
      variants: pairs of a name and tables of the same clips, recorded or edited in another way.
      rename_labels: pairs of a label in any of these tables and its new name.
    """

    tables: str
    fits_dir: str
    num_folds: int = 5
    min_clips: int = 4
    athletes: str = ""
    synthetic_tables: str = ""
    extra_tables: tuple[str, ...] = ()
    tables_30hz: str = ""
    variants: tuple[tuple[str, str], ...] = ()
    rename_labels: tuple[tuple[str, str], ...] = ()

    @property
    def athlete_tables(self) -> dict[str, str]:
        """The tables of athletes that there are, by the name of their test set."""
        both = {robustness.DRAWN_ATHLETES: self.athletes, robustness.SYNTHETIC_ATHLETES: self.synthetic_tables}
        return {name: path for name, path in both.items() if path}


class BenchmarkData:
    """What the tables hold. Each is read when it is first asked for, and kept in memory as long as this object."""

    def __init__(self, inputs: BenchmarkInputs) -> None:
        self.inputs = inputs
        self._converted: LabelledWindows | None = None
        self._contents_by_path: dict[str, dict] = {}

    @functools.cached_property
    def clips(self) -> LabelledWindows:
        """What is cross-validated, in world landmarks."""
        return self._load(self.inputs.tables)

    def clips_in(self, coordinates: Coordinates) -> LabelledWindows:
        """The same windows in other coordinates; the last ones are kept."""
        if coordinates == "world":
            return self.clips
        if self._converted is None or self._converted.coordinates != coordinates:
            from model.benchmark.coordinates import convert_coordinates

            self._converted = convert_coordinates(self.clips, coordinates, self.inputs.tables)
        return self._converted

    @functools.cached_property
    def synthetic(self) -> list[LabelledWindows]:
        """Athletes to train on, with classes of their own (see `LabelledWindows.with_labels`)."""
        if not self.inputs.athlete_tables:
            raise UserError("this experiment trains on synthetic athletes; expected --athletes or --synthetic_tables.")
        return [self._load(path, splits=("train", "validation")) for path in self.inputs.athlete_tables.values()]

    @functools.cached_property
    def extra(self) -> list[LabelledWindows]:
        """Further real clips to train on, likewise.

        Raises:
          UserError: if there are none, or some show people who are in the test folds.
        """
        if not self.inputs.extra_tables:
            raise UserError("this experiment trains on further real clips; expected --extra_tables.")
        loaded = [self._load(path) for path in self.inputs.extra_tables]
        for path, one in zip(self.inputs.extra_tables, loaded, strict=True):
            if shared := sorted(one.data.groups() & self.clips.data.groups()):
                raise UserError(
                    f"--extra_tables {path} has {len(shared)} groups of {self.inputs.tables} (such as '{shared[0]}'); "
                    "expected other people, as these are tested."
                )
        return loaded

    @functools.cached_property
    def athletes_without_exercise(self) -> dict[str, LabelledWindows]:
        """Athletes who do none of the exercises, of the test splits, by the name of their test set."""
        loaded = {}
        for name, path in self.inputs.athlete_tables.items():
            without = self._load(path, splits=("test",)).with_labels((NO_EXERCISE,))
            loaded[name] = dataclasses.replace(cross_validation.only(without, NO_EXERCISE), labels=self.clips.labels)
        return loaded

    @functools.cached_property
    def variants(self) -> dict[str, LabelledWindows]:
        """The same clips, recorded or edited in another way, by the variant's name."""
        return {name: self._load(path).with_labels(self.clips.labels) for name, path in self.inputs.variants}

    @functools.cached_property
    def test_sets(self) -> dict[str, LabelledWindows]:
        """What experiments that test robustness are tested on: two dozen sets, each with 1.2 KB a row of the clips."""
        clips_30hz = (
            self._load(self.inputs.tables_30hz).with_labels(self.clips.labels) if self.inputs.tables_30hz else None
        )
        return robustness.build_test_sets(self.clips, clips_30hz, self.variants, self.athletes_without_exercise)

    def settings_sha256(self, experiment: Experiment) -> str:
        """The hash of everything that a fit of an experiment depends on, beside its fold."""
        return settings_hash.settings_sha256(
            experiment,
            self._contents(self.inputs.tables),
            self.clips.labels,
            self.inputs.rename_labels,
            [self._contents(path) for path in self.inputs.athlete_tables.values()],
            [self._contents(path) for path in self.inputs.extra_tables],
        )

    def _contents(self, path: str) -> dict:
        """As `dataset.contents`, read once: a table has many files, which may be remote."""
        if path not in self._contents_by_path:
            self._contents_by_path[path] = dataset.contents(path)
        return self._contents_by_path[path]

    def _load(self, path: str, splits: tuple[str, ...] | None = None) -> LabelledWindows:
        return cross_validation.load(
            path,
            config.Config(),
            self.inputs.min_clips,
            splits=splits,
            rename_labels=dict(self.inputs.rename_labels),
        )
