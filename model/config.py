"""How to make a bundle: frozen dataclasses, read from JSON and saved beside the result."""

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
      name: one of NETWORKS.
      filters: channels of each convolution.
      kernel_size: rows that a convolution sees.
      dilations: of the successive blocks.
      dense_units: of the hidden layer before the classes.
      block_dropout: share of a block's channels dropped in training (whole channels over time).
      dropout: share of units dropped before and after the hidden layer, in training.
      stochastic_depth: share of windows for which a convolution block of `conv` is skipped, in training.
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
    """What training does to landmarks, before their features are computed: other bodies, cameras, tempos, and gaps.

    Each window draws its own. A window's last row is never dropped: a window ends in a row with a person.

    Attributes:
      mirror_probability: share of windows whose left and right are swapped.
      max_yaw_degrees: the body turns by up to that about the vertical axis.
      tilt_degrees: standard deviation of a turn about each of the two other axes, as of a camera held askew.
      scale: standard deviation of the logarithm of a factor for each axis: other builds, other errors in depth.
      offset: standard deviation of a shift of each landmark that stays the same in a window, in torso lengths.
      jitter: a window's landmarks shake by up to that standard deviation, in torso lengths.
      hidden_probability: share of windows in which an arm, both arms, the lower legs, the legs or the head are where an
        estimator may guess them that does not see them.
      max_stretch: the movement is up to e to the power of that quicker or slower.
      lead_probability: share of windows that lose their leading rows, as a clip that has just begun.
      max_lead_rows: at most that many of them; what is left must still be a window by the rule.
      max_drop_share: rows of a window that are dropped here and there; each window draws its share from 0 to this.
      noise: standard deviation of Gaussian noise on every standardised feature of a row that is there.
      mixup: two windows are blended, features and truth, by a share from the Beta distribution of this parameter;
        0 blends none.
    """

    mirror_probability: float = 0.5
    max_yaw_degrees: float = 90.0
    tilt_degrees: float = 10.0
    scale: float = 0.15
    offset: float = 0.08
    jitter: float = 0.05
    hidden_probability: float = 0.0
    max_stretch: float = 0.25
    lead_probability: float = 0.3
    max_lead_rows: int = 24
    max_drop_share: float = 0.3
    noise: float = 0.0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mirror_probability", "lead_probability", "hidden_probability"):
            _check(0 <= getattr(self, name) <= 1, name, getattr(self, name), "a share from 0 to 1")
        _check(0 <= self.max_yaw_degrees <= 180, "max_yaw_degrees", self.max_yaw_degrees, "0 to 180")
        _check(0 <= self.max_drop_share < 1, "max_drop_share", self.max_drop_share, "a share from 0 to below 1")
        _check(self.max_lead_rows >= 0, "max_lead_rows", self.max_lead_rows, "0 or more")
        _check(0 <= self.max_stretch <= 1, "max_stretch", self.max_stretch, "0 to 1")
        for name in ("tilt_degrees", "scale", "offset", "jitter", "noise", "mixup"):
            _check(0 <= getattr(self, name) < math.inf, name, getattr(self, name), "0 or more, and finite")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Attributes:
      epochs: at most.
      schedule: "cosine": the learning rate falls to a hundredth over the epochs, along a cosine; "constant": it stays.
      patience: epochs without a better validation loss after which training stops; the best weights are kept.
      batch_size: windows a step.
      learning_rate: at the start.
      finetune_epochs, finetune_learning_rate: the same, when all layers of a bundle are fine-tuned.
      weight_decay: of AdamW.
      label_smoothing: share of the truth that is spread over all classes. Validation loss is measured without it.
      class_weights: whether each class weighs the same, however many windows it has.
      max_windows_per_clip: drawn anew from each clip every epoch (0: all), for neighbouring windows tell little news
        and a long clip should not outweigh the others.
      further_share: share of an epoch's windows that are of synthetic athletes (`--synthetic_tables`), drawn anew every
        epoch from all of them; fewer where there are not so many. 0: as many as the other rules leave.
      temperature: divides the logits, so that probabilities say how often they are right; 0 takes the one that suits
        the validation split (every clip counts the same).
      rests_as_none: whether windows of real clips in which somebody stands still (rests.standing_still) are taught as
        `none`, where that is a class, and not as the clip's exercise.
      ema_momentum: the weights that are kept are an exponential average over steps with this momentum; 0: the last.
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
    further_share: float = 0.65
    temperature: float = 0.0
    rests_as_none: bool = True

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
        _check(0 <= self.further_share < 1, "further_share", self.further_share, "a share from 0 to below 1")
        _check(0 <= self.ema_momentum < 1, "ema_momentum", self.ema_momentum, "a share from 0 to below 1")
        _check(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, "a share from 0 to below 1")
        for name in ("weight_decay", "max_windows_per_clip", "temperature"):
            _check(0 <= getattr(self, name) < math.inf, name, getattr(self, name), "0 or more, and finite")


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that a bundle depends on beside its tables.

    Attributes:
      seed: of weights, order and augmentation; the same seed gives the same figures on the same machine.
      network, training, augmentation: see there.
      window: the rule that cuts windows, in training and live alike.
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
    """How the last layers of a bundle's network are fine-tuned to few clips.

    Attributes:
      steps: batches to learn from.
      learning_rate: at the start; it falls along a cosine.
      batch_size: windows a step.
      new_class_share: share of a batch that is of each new class; the known ones share the rest equally.
      windows_per_clip: augmented windows of each clip of the user.
      windows_per_rehearsal_clip: likewise of each rehearsal clip.
      folds: how often people who do a new exercise are left out, to measure whether others are recognised.
    """

    steps: int = 300
    learning_rate: float = 1e-3
    batch_size: int = 256
    new_class_share: float = 0.1
    windows_per_clip: int = 200
    windows_per_rehearsal_clip: int = 20
    folds: int = 5

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "windows_per_clip", "windows_per_rehearsal_clip"):
            _check(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        _check(0 < self.learning_rate < math.inf, "learning_rate", self.learning_rate, "a finite number above 0")
        _check(0 < self.new_class_share < 1, "new_class_share", self.new_class_share, "a share between 0 and 1")
        _check(self.folds >= 2, "folds", self.folds, "2 or more")


_T = TypeVar("_T")


def _from_dict(kind: type[_T], values: object, where: str, default: _T, source: str) -> _T:
    if not isinstance(values, Mapping):
        raise UsageError(f"{source}: {where or 'the configuration'} is {values!r}; expected a JSON object.")
    fields: dict[str, Any] = {field.name: getattr(default, field.name) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{where}.{name}".lstrip(".")
        if name not in fields:
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
    training=TrainingConfig(ema_momentum=0.0, temperature=1.0, further_share=0.0, rests_as_none=False),
    augmentation=AugmentationConfig(
        mirror_probability=0.0,
        max_yaw_degrees=0.0,
        tilt_degrees=0.0,
        scale=0.0,
        offset=0.0,
        jitter=0.0,
        max_stretch=0.0,
        hidden_probability=0.0,
    ),
)


def config_of_bundle(metadata: Mapping[str, Any], bundle_path: str) -> Config:
    """The configuration that a bundle was made with.

    Raises:
      UserError: naming the bundle, if this version cannot read it.
    """
    try:
        return _from_dict(Config, metadata["config"], "", _BEFORE, f"{bundle_path}: the configuration in bundle.json")
    except UsageError as error:
        raise UserError(f"{error} Copy the bundle again, or fine-tune it with the version that wrote it.") from None


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
