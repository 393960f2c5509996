"""How to make a bundle: frozen dataclasses, read from JSON and saved beside the result.

README.md has a table of all keys, made from the docstrings here.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from beam_jobs import storage
from beam_jobs.errors import UsageError, UserError
from beam_jobs.windows import WindowRule

# Every network of this project is fed windows of this many rows.
WINDOW_LENGTH = 34
# Named here, where no Keras is imported; a test compares it with networks.NETWORKS.
SCHEDULES = ("cosine", "constant")
NETWORKS = ("conv", "conv_transformer", "ensemble", "graph", "tcn")


def _check(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}; expected {expected}.")


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """What a network looks like; a network ignores what it has no use for.

    Attributes:
      name: one of conv, conv_transformer, ensemble, graph, tcn.
      filters: channels of each convolution.
      kernel_size: rows that a convolution sees.
      dilations: of the successive blocks.
      dense_units: of the hidden layer before the classes.
      block_dropout: fraction of a block's channels that are dropped in training (a channel over all rows).
      dropout: fraction of units that are dropped before and after the hidden layer, in training.
      stochastic_depth: fraction of windows for which a convolution block is skipped, in training.
    """

    name: str = "conv_transformer"
    filters: int = 64
    kernel_size: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    dense_units: int = 128
    block_dropout: float = 0.1
    dropout: float = 0.4
    stochastic_depth: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dilations", tuple(self.dilations))
        _check(self.name in NETWORKS, "name", self.name, f"one of {', '.join(NETWORKS)}")
        for name in ("filters", "kernel_size", "dense_units"):
            _check(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        _check(
            bool(self.dilations) and all(d >= 1 for d in self.dilations), "dilations", self.dilations, "numbers from 1"
        )
        for name in ("block_dropout", "dropout", "stochastic_depth"):
            _check(0 <= getattr(self, name) < 1, name, getattr(self, name), "a share from 0 to below 1")


@dataclasses.dataclass(frozen=True)
class AugmentationConfig:
    """How training changes landmarks before their features are computed: other bodies, cameras, tempos and gaps.

    Every window gets changes of its own. Its last row is never dropped: a window ends in a row with a person.

    Attributes:
      mirror_probability: fraction of windows whose left and right are exchanged.
      max_yaw_degrees: the body is turned about the vertical axis by up to this angle.
      tilt_degrees: standard deviation of a turn about each of the two other axes, as of a tilted camera.
      scale: standard deviation of the logarithm of a factor on each axis: other builds, errors in depth.
      offset: standard deviation of a shift of each landmark, the same in all rows of a window, in torso lengths.
      jitter: landmarks get noise in every row, of a standard deviation up to this, in torso lengths.
      occlusion_probability: fraction of windows in which an arm, both arms, the lower legs, the legs or the head are at
        guessed places, as where the camera does not see them.
      max_tempo_change: the movement is faster or slower by a factor of up to e to the power of this.
      late_start_probability: fraction of windows that lose their first rows, as where a clip has just begun.
      max_lead_rows: the largest number of first rows lost; what is left must still make a window.
      max_drop_share: rows in a window are dropped at random, a fraction from 0 to this of them.
      noise: standard deviation of noise on every standardised feature of a row with a person.
      mixup: two windows are blended, features and labels; parameter of the Beta distribution of their shares. 0: not.
    """

    mirror_probability: float = 0.5
    max_yaw_degrees: float = 90.0
    tilt_degrees: float = 10.0
    scale: float = 0.15
    offset: float = 0.08
    jitter: float = 0.05
    occlusion_probability: float = 0.0
    max_tempo_change: float = 0.25
    late_start_probability: float = 0.3
    max_lead_rows: int = 24
    max_drop_share: float = 0.3
    noise: float = 0.0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mirror_probability", "late_start_probability", "occlusion_probability"):
            _check(0 <= getattr(self, name) <= 1, name, getattr(self, name), "a share from 0 to 1")
        _check(0 <= self.max_yaw_degrees <= 180, "max_yaw_degrees", self.max_yaw_degrees, "0 to 180")
        _check(0 <= self.max_drop_share < 1, "max_drop_share", self.max_drop_share, "a share from 0 to below 1")
        _check(self.max_lead_rows >= 0, "max_lead_rows", self.max_lead_rows, "0 or more")
        _check(0 <= self.max_tempo_change <= 1, "max_tempo_change", self.max_tempo_change, "0 to 1")
        for name in ("tilt_degrees", "scale", "offset", "jitter", "noise", "mixup"):
            _check(0 <= getattr(self, name) < math.inf, name, getattr(self, name), "0 or more, and finite")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Attributes:
      epochs: the largest number of epochs.
      schedule: cosine (the learning rate falls to a hundredth along a cosine) or constant.
      patience: training stops after so many epochs without a lower validation loss; the best weights are kept.
      batch_size: windows in a step.
      learning_rate: at the start.
      finetune_epochs: as `epochs`, where `finetune` trains all layers.
      finetune_learning_rate: as `learning_rate`, where `finetune` trains all layers.
      weight_decay: of AdamW.
      label_smoothing: fraction of a label that is spread over all classes. Validation loss is measured without it.
      class_weights: whether every class has the same weight, however many windows it has.
      max_windows_per_clip: how many windows of a clip are drawn for each epoch (0: all). Neighbouring windows are
        nearly the same, and long clips should not count for more.
      ema_momentum: the weights that are kept are an exponential average over the steps with this momentum. 0: the last.
      synthetic_fraction: fraction of an epoch's windows that are of `--synthetic_tables`, drawn anew for each epoch;
        less where there are too few. 0: all of them.
      temperature: divides the logits, so that probabilities say how often they are right. 0: the one that fits the
        validation split best (each clip has the same weight).
      known_threshold: how probable it must be that a window shows one of the exercises, 1 - P(none), before it gets the
        name of one: from 0 to 1. 0: the one that suits the people of the validation split, if some of them do none of
        the exercises (else 0.5, which changes nothing).
      standing_still_as_none: whether windows of real clips in which the person stands still have the label `none`,
        where that is a class, and not the clip's.
    """

    epochs: int = 30
    schedule: str = "cosine"
    patience: int = 12
    batch_size: int = 64
    learning_rate: float = 2e-3
    finetune_epochs: int = 20
    finetune_learning_rate: float = 1e-4
    weight_decay: float = 1e-3
    label_smoothing: float = 0.1
    class_weights: bool = True
    max_windows_per_clip: int = 16
    ema_momentum: float = 0.99
    synthetic_fraction: float = 0.65
    temperature: float = 0.0
    known_threshold: float = 0.0
    standing_still_as_none: bool = True

    def __post_init__(self) -> None:
        _check(self.schedule in SCHEDULES, "schedule", self.schedule, f"one of {', '.join(SCHEDULES)}")
        for name in ("epochs", "finetune_epochs", "patience", "batch_size"):
            _check(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        for name in ("learning_rate", "finetune_learning_rate"):
            _check(0 < getattr(self, name) < math.inf, name, getattr(self, name), "a finite number above 0")
        _check(
            self.finetune_learning_rate <= self.learning_rate,
            "finetune_learning_rate",
            self.finetune_learning_rate,
            f"at most learning_rate, {self.learning_rate}",
        )
        for name in ("synthetic_fraction", "ema_momentum", "label_smoothing", "known_threshold"):
            _check(0 <= getattr(self, name) < 1, name, getattr(self, name), "a share from 0 to below 1")
        for name in ("weight_decay", "max_windows_per_clip", "temperature"):
            _check(0 <= getattr(self, name) < math.inf, name, getattr(self, name), "0 or more, and finite")


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that a bundle depends on beside its tables.

    Attributes:
      seed: of weights, order and augmentation. The same seed gives the same result on the same machine.
      network: see NetworkConfig.
      training: see TrainingConfig.
      augmentation: see AugmentationConfig.
      window: which rows make a window, in training and in live alike.
    """

    seed: int = 1
    network: NetworkConfig = NetworkConfig()
    training: TrainingConfig = TrainingConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    window: WindowRule = dataclasses.field(default_factory=lambda: WindowRule(length=WINDOW_LENGTH))

    def __post_init__(self) -> None:
        _check(0 <= self.seed < 2**32, "seed", self.seed, "0 to 4294967295")
        _check(self.window.length == WINDOW_LENGTH, "window.length", self.window.length, str(WINDOW_LENGTH))
        most = self.window.length - self.window.min_detected
        _check(
            self.augmentation.max_lead_rows <= most,
            "augmentation.max_lead_rows",
            self.augmentation.max_lead_rows,
            f"at most {most}, window.length without window.min_detected",
        )


@dataclasses.dataclass(frozen=True)
class FinetuneConfig:
    """How `finetune` trains the last layers of a bundle's network to few clips; its flags `--steps` and so on.

    Attributes:
      steps: batches to learn from.
      learning_rate: at the start; it falls along a cosine.
      batch_size: windows in a step.
      new_class_share: fraction of a batch that is of each new class; the known classes share the rest equally.
      windows_per_clip: augmented windows of each of the user's clips.
      windows_per_rehearsal_clip: augmented windows of each rehearsal clip.
      folds: how often people who do a new exercise are left out, to measure whether other people are recognised.
    """

    steps: int = 300
    learning_rate: float = 3e-3
    batch_size: int = 256
    new_class_share: float = 0.075
    windows_per_clip: int = 200
    windows_per_rehearsal_clip: int = 20
    folds: int = 5

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "windows_per_clip", "windows_per_rehearsal_clip"):
            _check(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        _check(0 < self.learning_rate < math.inf, "learning_rate", self.learning_rate, "a finite number above 0")
        _check(0 < self.new_class_share < 1, "new_class_share", self.new_class_share, "a share between 0 and 1")
        _check(self.folds >= 2, "folds", self.folds, "2 or more")


# Keys that bundles of earlier versions have, and their names today.
_FORMER_KEYS = {
    "rests_as_none": "standing_still_as_none",
    "further_share": "synthetic_fraction",
    "hidden_probability": "occlusion_probability",
    "max_stretch": "max_tempo_change",
    "lead_probability": "late_start_probability",
}
_T = TypeVar("_T")


def _from_dict(kind: type[_T], values: object, where: str, default: _T, source: str) -> _T:
    if not isinstance(values, Mapping):
        raise UsageError(f"{source}: {where or 'the configuration'} is {values!r}; expected a JSON object.")
    fields: dict[str, Any] = {field.name: getattr(default, field.name) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{where}.{name}".lstrip(".")
        if name not in fields:
            if name in _FORMER_KEYS:
                raise UsageError(f"{source}: '{path}' has another name now; expected '{_FORMER_KEYS[name]}'.")
            raise UsageError(f"{source}: unknown key '{path}'; known here are {', '.join(sorted(fields))}.")
        known = fields[name]
        if dataclasses.is_dataclass(known):
            changes[name] = _from_dict(type(known), value, path, known, source)
            continue
        expected: tuple[type, ...] = (int, float) if isinstance(known, float) else (type(known),)
        if isinstance(known, tuple):
            expected = (list, tuple)
            fits = isinstance(value, expected) and all(type(item) is int for item in value)
        else:
            # bool is an int in Python; it is none in a configuration.
            fits = isinstance(value, expected) and isinstance(value, bool) == isinstance(known, bool)
        if not fits:
            raise UsageError(f"{source}: {path} is {value!r}; expected a {type(known).__name__}, like {known!r}.")
        changes[name] = float(value) if isinstance(known, float) else value
    try:
        return dataclasses.replace(default, **changes)  # type: ignore[type-var]
    except ValueError as error:
        raise UsageError(f"{source}: {where + ': ' if where else ''}{error}") from None


def from_dict(values: Mapping[str, Any], default: Config | None = None) -> Config:
    """A configuration from nested dictionaries; what they leave out is as in `default`.

    Raises:
      UsageError: for an unknown key (names the known ones), a wrong type, or values that do not go together.
    """
    return _from_dict(Config, values, "", default or Config(), "--config")


# What a configuration of 0.1.0 leaves out, it did without.
_BEFORE = Config(
    training=TrainingConfig(ema_momentum=0.0, temperature=1.0, synthetic_fraction=0.0, standing_still_as_none=False),
    augmentation=AugmentationConfig(
        mirror_probability=0.0,
        max_yaw_degrees=0.0,
        tilt_degrees=0.0,
        scale=0.0,
        offset=0.0,
        jitter=0.0,
        max_tempo_change=0.0,
        occlusion_probability=0.0,
    ),
)


def config_of_bundle(metadata: Mapping[str, Any], bundle_path: str) -> Config:
    """The configuration that a bundle was made with.

    Raises:
      UserError: naming the bundle, if this version cannot read it.
    """
    try:
        values = _with_names_of_today(metadata["config"])
        return _from_dict(Config, values, "", _BEFORE, f"{bundle_path}: the configuration in bundle.json")
    except UsageError as error:
        raise UserError(f"{error} Copy the bundle again, or fine-tune it with the version that wrote it.") from None


def _with_names_of_today(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _FORMER_KEYS.get(key, key): _with_names_of_today(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
    }


def load(text: str | None, default: Config | None = None) -> Config:
    """A configuration from JSON: a path (local or gs://), or the JSON itself where it starts with '{'.

    Raises:
      UsageError: as `from_dict`, and where it is no JSON or the file is not there.
    """
    if text is None:
        return default or Config()
    where = "--config"
    if not text.lstrip().startswith("{"):
        where = text
        try:
            text = storage.read_text(text)
        except UserError as error:
            raise UsageError(f"--config: {error}") from None
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where} is not JSON ({error}); expected an object like {{'seed': 2}}.") from None
    return from_dict(values, default)


def to_dict(config: Config) -> dict[str, Any]:
    """Nested dictionaries for JSON; `from_dict` reads them."""
    return dataclasses.asdict(config)
