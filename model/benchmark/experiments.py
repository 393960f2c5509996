"""What the benchmark compares: baselines, networks, and networks with one thing changed. An experiment has a name."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

from model import config

SyntheticUse = Literal["none", "mixed", "only", "pretrain"]
Coordinates = Literal["world", "image", "flat", "facing", "metres"]
Test = Literal["accuracy", "robustness", "leave_classes_out"]
BaselineName = Literal["logistic_regression", "extra_trees", "nearest_poses"]


@dataclasses.dataclass(frozen=True)
class Network:
    """A neural network.

    Attributes:
      config_overrides: what differs from the default configuration, nested as in JSON.
      num_networks: how many networks of successive seeds answer together, by the mean of their logits.
    """

    config_overrides: Mapping[str, Any]
    num_networks: int = 1

    def __post_init__(self) -> None:
        if self.num_networks < 1:
            raise ValueError(f"num_networks is {self.num_networks}; expected 1 or more.")
        config.from_dict(self.config_overrides)

    def settings(self, seed: int) -> config.Config:
        """The whole configuration, with a seed."""
        return config.from_dict(merged(self.config_overrides, {"seed": seed}))


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A classifier without a neural network: one of `baselines.BASELINES` by its name."""

    name: BaselineName

    def __post_init__(self) -> None:
        if self.name not in get_args(BaselineName):
            raise ValueError(f"name is {self.name!r}; expected one of {', '.join(get_args(BaselineName))}.")


@dataclasses.dataclass(frozen=True)
class TrainingMix:
    """What an experiment trains on, beside the clips of the other folds.

    Attributes:
      synthetic: how synthetic athletes take part: "none"; "mixed" with the clips; "only" they, and no clip; "pretrain":
        first they, then the clips.
      learns_none_class: whether it learns a class `none`, from athletes who do none of the exercises.
      extra_real_clips: whether it also trains on the clips of `--extra_tables`.
      every_nth_window: it trains on every so many-th window of a clip.
      fraction_of_people: it trains on so many of each class's groups.
      coordinates: "world" landmarks in torso lengths, or another kind (see `coordinates`).
    """

    synthetic: SyntheticUse = "none"
    learns_none_class: bool = False
    extra_real_clips: bool = False
    every_nth_window: int = 1
    fraction_of_people: float = 1.0
    coordinates: Coordinates = "world"

    def __post_init__(self) -> None:
        if self.synthetic not in get_args(SyntheticUse):
            raise ValueError(f"synthetic is {self.synthetic!r}; expected one of {', '.join(get_args(SyntheticUse))}.")
        if self.coordinates not in get_args(Coordinates):
            raise ValueError(
                f"coordinates is {self.coordinates!r}; expected one of {', '.join(get_args(Coordinates))}."
            )
        if self.learns_none_class and self.synthetic != "mixed":
            raise ValueError(f"learns_none_class with synthetic {self.synthetic!r}; expected synthetic 'mixed'.")
        if self.coordinates != "world" and (self.synthetic != "none" or self.extra_real_clips):
            raise ValueError(f"coordinates is {self.coordinates!r}; expected 'world' with synthetic or extra clips.")
        if self.every_nth_window < 1 or not 0 < self.fraction_of_people <= 1:
            raise ValueError("every_nth_window is below 1 or fraction_of_people not above 0 and up to 1.")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One row of the benchmark's tables.

    Attributes:
      description: what it is, for the table.
      model: what is fitted.
      data: what it is fitted to.
      test: "accuracy" on each fold's clips; "robustness": also on corrupted clips and on people who do none of the
        exercises; "leave_classes_out": each fold leaves some exercises out of training, by turns all of them, and tests
        whether they are detected as unknown.
      compared_with: the name of the experiment without this one's change; "" for none.
    """

    description: str
    model: Network | Baseline
    data: TrainingMix = dataclasses.field(default_factory=TrainingMix)
    test: Test = "accuracy"
    compared_with: str = ""

    def __post_init__(self) -> None:
        if self.test not in get_args(Test):
            raise ValueError(f"test is {self.test!r}; expected one of {', '.join(get_args(Test))}.")
        if isinstance(self.model, Baseline) and self.data.synthetic != "none":
            raise ValueError("a baseline is fitted to clips alone; expected synthetic 'none'.")

    @property
    def has_random_split(self) -> bool:
        """Whether a random split changes its figures."""
        return self.data.synthetic != "only" and self.test != "leave_classes_out"

    def num_fits(self, num_folds: int) -> int:
        """How many fits each seed takes: a fit without any clip tests all clips."""
        return 1 if self.data.synthetic == "only" else num_folds


def merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `overrides` in it, level by level."""
    both = dict(base)
    for key, value in overrides.items():
        nested = isinstance(value, Mapping) and isinstance(both.get(key), Mapping)
        both[key] = merged(both[key], value) if nested else value
    return both


# What the notebook project did: none of this.
NO_AUGMENTATION: dict[str, Any] = {
    "mirror_probability": 0.0,
    "max_yaw_degrees": 0.0,
    "tilt_degrees": 0.0,
    "scale": 0.0,
    "offset": 0.0,
    "jitter": 0.0,
    "max_tempo_change": 0.0,
    "late_start_probability": 0.0,
    "max_drop_share": 0.0,
    "noise": 0.0,
    "occlusion_probability": 0.0,
}


def _network(name: str, overrides: Mapping[str, Any] | None = None, num_networks: int = 1) -> Network:
    return Network(merged({"network": {"name": name}}, overrides or {}), num_networks)


def _conv_with(description: str, data: TrainingMix = TrainingMix(), **overrides: Any) -> Experiment:
    """`conv` with one part of its configuration changed."""
    return Experiment(description, _network("conv", overrides), data, compared_with="conv")


def _augmented(description: str, data: TrainingMix = TrainingMix(), **augmentation: Any) -> Experiment:
    return _conv_with(description, data, augmentation=augmentation)


def _trained(description: str, **training: Any) -> Experiment:
    return _conv_with(description, training=training)


BASELINES = {
    "notebook_tcn": Experiment(
        "the notebook's network and recipe: every window, no augmentation, no label smoothing, the last weights (with "
        "this project's optimizer, learning rate schedule and class weights, 15 epochs)",
        _network(
            "tcn",
            {
                "augmentation": NO_AUGMENTATION,
                "training": {
                    "label_smoothing": 0.0,
                    "ema_momentum": 0.0,
                    "max_windows_per_clip": 0,
                    "epochs": 15,
                    "learning_rate": 0.001,
                },
            },
        ),
    ),
    "logistic_regression": Experiment("logistic regression on statistics of a window", Baseline("logistic_regression")),
    "extra_trees": Experiment("extra trees on statistics of a window", Baseline("extra_trees")),
    "nearest_poses": Experiment(
        "nearest poses, in the way of MediaPipe's pose classification", Baseline("nearest_poses")
    ),
}
NETWORKS = {
    "tcn": Experiment("the notebook's network with this project's training", _network("tcn")),
    "conv": Experiment("a modern temporal convolutional network", _network("conv"), test="robustness"),
    "conv_transformer": Experiment("convolutions, then a Transformer", _network("conv_transformer")),
    "graph": Experiment("a graph network over the skeleton", _network("graph")),
    "ensemble": Experiment("conv_transformer and graph together", _network("ensemble")),
}
# `conv`, trained on clips alone, with one thing changed.
ABLATION = {
    "conv/image_landmarks": _conv_with("image landmarks, not world landmarks", TrainingMix(coordinates="image")),
    "conv/no_depth": _augmented(
        "without z (and without rotation)", TrainingMix(coordinates="flat"), max_yaw_degrees=0.0, tilt_degrees=0.0
    ),
    "conv/facing_camera": _augmented(
        "bodies turned to face the camera (and no random rotation)",
        TrainingMix(coordinates="facing"),
        max_yaw_degrees=0.0,
    ),
    "conv/metres": _conv_with("lengths in metres, not in torso lengths", TrainingMix(coordinates="metres")),
    "conv/no_augmentation": _augmented("without any augmentation", **NO_AUGMENTATION),
    "conv/no_mirroring": _augmented("without mirroring", mirror_probability=0.0),
    "conv/no_rotation": _augmented("without rotation about the vertical axis", max_yaw_degrees=0.0),
    "conv/rotation_30_degrees": _augmented(
        "rotation by up to 30 degrees about the vertical axis, not 90", max_yaw_degrees=30.0
    ),
    "conv/no_tilt": _augmented("without tilt", tilt_degrees=0.0),
    "conv/no_tempo": _augmented("without changes of tempo", max_tempo_change=0.0),
    "conv/no_scale": _augmented("without changes of body proportions", scale=0.0),
    "conv/no_noise": _augmented("without offsets and jitter", offset=0.0, jitter=0.0),
    "conv/no_gaps": _augmented("without missing rows", max_drop_share=0.0, late_start_probability=0.0),
    "conv/no_tilt_tempo_noise_gaps": dataclasses.replace(
        _augmented(
            "without tilt, tempo, noise and gaps",
            tilt_degrees=0.0,
            max_tempo_change=0.0,
            offset=0.0,
            jitter=0.0,
            max_drop_share=0.0,
            late_start_probability=0.0,
        ),
        test="robustness",
    ),
    "conv/occlusion": _augmented("with parts of the body hidden in training", occlusion_probability=0.2),
    "conv/mixup": _augmented("with mixup of 0.2", mixup=0.2),
    "conv/no_label_smoothing": _trained("without label smoothing", label_smoothing=0.0),
    "conv/no_weight_decay": _trained("without weight decay", weight_decay=0.0),
    "conv/weight_decay_0.1": _trained("weight decay of 0.1, not 0.001", weight_decay=0.1),
    "conv/constant_learning_rate": _trained("a constant learning rate", schedule="constant"),
    "conv/no_weight_averaging": _trained("the last weights, not their average", ema_momentum=0.0),
    "conv/constant_learning_rate_no_weight_averaging": _trained(
        "a constant learning rate and the last weights", schedule="constant", ema_momentum=0.0
    ),
    "conv/stochastic_depth": _conv_with("a tenth of the blocks skipped", network={"stochastic_depth": 0.1}),
    "conv/128_filters": _conv_with("128 filters, not 64", network={"filters": 128}),
    "conv/every_fourth_window": _conv_with("every fourth window in training", TrainingMix(every_nth_window=4)),
    "conv/three_networks": Experiment(
        "three networks answer together", _network("conv", num_networks=3), compared_with="conv"
    ),
}
# Thousands of synthetic clips: one window of each an epoch.
SYNTHETIC_FIRST: dict[str, Any] = {"training": {"max_windows_per_clip": 1, "epochs": 24}}
# The recipe of the bundle that comes with live; a test compares the bundle with it.
RELEASED: dict[str, Any] = {
    "training": {"max_windows_per_clip": 8, "epochs": 16},
    "augmentation": {"occlusion_probability": 0.2},
}
_MIXED = TrainingMix(synthetic="mixed", learns_none_class=True)
_RELEASED_MIX = dataclasses.replace(_MIXED, extra_real_clips=True)
SYNTHETIC = {
    "synthetic_only": Experiment(
        "`conv` trained on synthetic athletes, on no real clip",
        _network("conv", SYNTHETIC_FIRST),
        TrainingMix(synthetic="only"),
    ),
    "synthetic_then_clips": Experiment(
        "`conv` trained on synthetic athletes, then on the clips", _network("conv"), TrainingMix(synthetic="pretrain")
    ),
    "conv+synthetic/no_none_class": Experiment(
        "without a class for people who do none of the exercises",
        _network("conv"),
        TrainingMix(synthetic="mixed"),
        compared_with="conv+synthetic",
    ),
    "conv+synthetic": Experiment(
        "`conv` trained on the clips and synthetic athletes together, with a class `none`",
        _network("conv"),
        _MIXED,
        test="robustness",
    ),
    "conv+synthetic/standing_still_as_exercise": Experiment(
        "windows of people who stand still keep their clip's label",
        _network("conv", {"training": {"standing_still_as_none": False}}),
        _MIXED,
        test="robustness",
        compared_with="conv+synthetic",
    ),
    "conv+synthetic/extra_real_clips": Experiment(
        "and on further real clips",
        # With more clips, fewer windows of each: an epoch stays about as long.
        _network("conv", {"training": {"max_windows_per_clip": 8}}),
        _RELEASED_MIX,
        test="robustness",
        compared_with="conv+synthetic",
    ),
    "released_recipe": Experiment(
        "the recipe of the bundle that comes with live: `ensemble` trained on the clips, synthetic athletes and "
        "further real clips, with parts of the body hidden",
        _network("ensemble", RELEASED),
        _RELEASED_MIX,
        test="robustness",
    ),
    "released_recipe/no_none_class": Experiment(
        "without a class for people who do none of the exercises, for tables without that label",
        _network("ensemble", RELEASED),
        TrainingMix(synthetic="mixed", extra_real_clips=True),
        compared_with="released_recipe",
    ),
    "conv+synthetic/leave_classes_out": Experiment(
        "tested on exercises that were left out of training", _network("conv"), _MIXED, test="leave_classes_out"
    ),
}


def _fewer_people(base: str, words: str, fraction: float) -> Experiment:
    experiment = {**NETWORKS, **SYNTHETIC}[base]
    return dataclasses.replace(
        experiment,
        description=f"{words} of each class's people",
        data=dataclasses.replace(experiment.data, fraction_of_people=fraction),
        test="accuracy",
        compared_with=base,
    )


LEARNING_CURVE = {
    f"{base}/{words}_of_people": _fewer_people(base, f"a {words}" if words == "quarter" else words, fraction)
    for base in ("conv", "conv+synthetic")
    for words, fraction in (("quarter", 0.25), ("half", 0.5))
}
EXPERIMENTS: dict[str, Experiment] = {**BASELINES, **NETWORKS, **ABLATION, **SYNTHETIC, **LEARNING_CURVE}
# What `--experiments` takes beside the name of one.
GROUPS: dict[str, dict[str, Experiment]] = {
    "baselines": BASELINES,
    "networks": NETWORKS,
    "ablation": ABLATION,
    "synthetic": SYNTHETIC,
    "learning_curve": LEARNING_CURVE,
    "all": EXPERIMENTS,
}


def listing() -> str:
    """The experiments by group, one a line with its description, for `benchmark --list`."""
    width = max(map(len, EXPERIMENTS))
    lines = []
    for group, members in GROUPS.items():
        if group != "all":
            lines.append(f"{group}:")
            lines += [f"  {name:<{width}}  {one.description}" for name, one in members.items()]
    return "\n".join(lines)
