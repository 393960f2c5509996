"""What the benchmark compares: rivals, networks, and networks with one thing changed; a name repeats a row."""

import dataclasses
from collections.abc import Mapping
from typing import Any

# How drawn athletes take part in a network's training.
ATHLETES = ("none", "mixed", "alone", "pretrain")


@dataclasses.dataclass(frozen=True)
class Contender:
    """A row of the benchmark.

    Attributes:
      about: what it is, for the table.
      rival: its name in `rivals.RIVALS`; "" for a network.
      changes: of the network's configuration, nested as in JSON.
      athletes: one of ATHLETES.
      unknown: whether it learns a class for "none of these", from athletes who do none of the exercises.
      probed: whether its fits are also tested on degraded clips and on people who do none of the exercises.
      num_networks: so many networks of successive seeds answer together, by their mean logits.
      people: whether it learns from the further clips of real people, too.
      coordinates: one of `coordinates.KINDS`, in place of world landmarks in torso lengths; "" for these.
      stride: it trains on every so many-th window of a clip.
      group_share: it trains on so many of each class's groups.
      left_out: whether in each fold some exercises are left out of training, by turns all of them, and are asked about
        then: does it know that it does not know?
    """

    about: str
    rival: str = ""
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    athletes: str = "none"
    unknown: bool = False
    probed: bool = False
    num_networks: int = 1
    people: bool = False
    coordinates: str = ""
    stride: int = 1
    group_share: float = 1.0
    left_out: bool = False

    def __post_init__(self) -> None:
        if self.athletes not in ATHLETES or (self.unknown and self.athletes != "mixed"):
            raise ValueError(f"athletes is {self.athletes!r}; expected one of {ATHLETES}, mixed for the unknown.")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` in it, level by level."""
    found = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = merged(found[key], value) if both else value
    return found


# The notebook project's recipe: none of this.
NO_AUGMENTATION: dict[str, Any] = {
    "mirror_probability": 0.0,
    "max_yaw_degrees": 0.0,
    "tilt_degrees": 0.0,
    "scale": 0.0,
    "offset": 0.0,
    "jitter": 0.0,
    "max_stretch": 0.0,
    "lead_probability": 0.0,
    "max_drop_share": 0.0,
    "noise": 0.0,
    "hidden_probability": 0.0,
}


def _network(about: str, name: str = "conv", changes: Mapping[str, Any] | None = None, **kwargs: Any) -> Contender:
    return Contender(about, changes=merged({"network": {"name": name}}, changes or {}), **kwargs)


def _augmented(about: str, coordinates: str = "", **changes: Any) -> Contender:
    return _network(about, changes={"augmentation": changes}, coordinates=coordinates)


def _trained(about: str, **changes: Any) -> Contender:
    return _network(about, changes={"training": changes})


RIVALS = {
    "seed": _network(
        "the seed's network and recipe: every window, no augmentation, no smoothing, the last weights (and this "
        "project's optimiser, schedule and weights of classes, 15 epochs)",
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
    "logistic_regression": Contender("logistic regression on statistics of a window", rival="logistic_regression"),
    "extra_trees": Contender("extra trees on statistics of a window", rival="extra_trees"),
    "nearest_poses": Contender("nearest poses, in the way of MediaPipe's pose classification", rival="nearest_poses"),
}
NETWORKS = {
    "tcn": _network("the seed's network with this project's training", "tcn"),
    "conv": _network("a TCN of today", probed=True),
    "conv_transformer": _network("convolutions, then a Transformer", "conv_transformer"),
    "graph": _network("a graph network over the skeleton", "graph"),
    "ensemble": _network("conv_transformer and graph, together", "ensemble"),
}
# `conv` without athletes, with one thing changed.
ABLATION = {
    "conv, image landmarks": _network("landmarks in the picture, not in the world", coordinates="image"),
    "conv, no depth": _augmented("without z (nor turning)", coordinates="flat", max_yaw_degrees=0.0, tilt_degrees=0.0),
    "conv, facing": _augmented(
        "turned to face the camera (no other turning)", coordinates="facing", max_yaw_degrees=0.0
    ),
    "conv, metres": _network("lengths in metres, not in torso lengths", coordinates="metres"),
    "conv, no augmentation": _augmented("nothing but the features", **NO_AUGMENTATION),
    "conv, no mirroring": _augmented("without mirroring", mirror_probability=0.0),
    "conv, no turning": _augmented("without turning about the vertical axis", max_yaw_degrees=0.0),
    "conv, little turning": _augmented("turned by up to 30 degrees about the vertical axis", max_yaw_degrees=30.0),
    "conv, no tilt": _augmented("without tilt", tilt_degrees=0.0),
    "conv, no tempo": _augmented("without another tempo", max_stretch=0.0),
    "conv, no scale": _augmented("without other builds", scale=0.0),
    "conv, no noise": _augmented("without offsets and shaking", offset=0.0, jitter=0.0),
    "conv, no gaps": _augmented("without missing rows", max_drop_share=0.0, lead_probability=0.0),
    "conv, no tilt, tempo, noise, gaps": _network(
        "without these four",
        changes={
            "augmentation": {
                "tilt_degrees": 0.0,
                "max_stretch": 0.0,
                "offset": 0.0,
                "jitter": 0.0,
                "max_drop_share": 0.0,
                "lead_probability": 0.0,
            }
        },
        probed=True,
    ),
    "conv, hidden parts": _augmented("with parts of the body out of view", hidden_probability=0.2),
    "conv, mixup": _augmented("with mixup of 0.2", mixup=0.2),
    "conv, no smoothing": _trained("without label smoothing", label_smoothing=0.0),
    "conv, no weight decay": _trained("without weight decay", weight_decay=0.0),
    "conv, much weight decay": _trained("with a weight decay of 0.1", weight_decay=0.1),
    "conv, constant rate": _trained("a learning rate that stays", schedule="constant"),
    "conv, no averaged weights": _trained("the last weights", ema_momentum=0.0),
    "conv, constant rate, no averaged weights": _trained(
        "the last weights, at a learning rate that stays", schedule="constant", ema_momentum=0.0
    ),
    "conv, stochastic depth": _network("a tenth of the blocks skipped", changes={"network": {"stochastic_depth": 0.1}}),
    "conv, wide": _network("twice the filters", changes={"network": {"filters": 128}}),
    "conv, stride 12": _network("every fourth window in training", stride=4),
    "conv, 3 networks": _network("three networks answer together", num_networks=3),
}
# Thousands of athletes: a window of each an epoch.
ATHLETES_FIRST: dict[str, Any] = {"training": {"max_windows_per_clip": 1, "epochs": 24}}
# The recipe of the bundle that comes with live; a test holds the bundle to it.
BUNDLE: dict[str, Any] = {
    "training": {"max_windows_per_clip": 8, "epochs": 16},
    "augmentation": {"hidden_probability": 0.2},
}
ATHLETE_ROWS = {
    "athletes alone": _network("drawn athletes alone", changes=ATHLETES_FIRST, athletes="alone"),
    "athletes, then clips": _network("drawn athletes, then the clips", athletes="pretrain"),
    "athletes and clips": _network("drawn athletes and the clips together", athletes="mixed"),
    "default": _network(
        "`conv`, drawn athletes, idlers among them, and the clips together", athletes="mixed", unknown=True, probed=True
    ),
    "default, rests as they are": _network(
        "as default, and who rests is taught as doing the clip's exercise",
        changes={"training": {"rests_as_none": False}},
        athletes="mixed",
        unknown=True,
        probed=True,
    ),
    "default, more people": _network(
        "as default, and further clips of real people",
        # With more clips, fewer windows of each: an epoch stays about as long.
        changes={"training": {"max_windows_per_clip": 8}},
        athletes="mixed",
        unknown=True,
        people=True,
        probed=True,
    ),
    "default bundle": _network(
        "the ensemble on all of that, with parts of the body out of view: so is the bundle made that comes with live",
        "ensemble",
        changes=BUNDLE,
        athletes="mixed",
        unknown=True,
        people=True,
        probed=True,
    ),
    "default bundle, without none": _network(
        "the same without a class for people who do none of the exercises, for tables that have no such label",
        "ensemble",
        changes=BUNDLE,
        athletes="mixed",
        people=True,
    ),
    "default, exercises left out": _network(
        "as default; asked about exercises left out", athletes="mixed", unknown=True, left_out=True
    ),
}
# How far more people would carry.
LEARNING_CURVE = {
    f"{base}, {share:.0%} of groups": dataclasses.replace(
        rows[base], about=f"{share:.0%} of each class's people", group_share=share, probed=False
    )
    for rows, base in ((NETWORKS, "conv"), (ATHLETE_ROWS, "default"))
    for share in (0.25, 0.5)
}
ROWS: dict[str, Contender] = {**RIVALS, **NETWORKS, **ABLATION, **ATHLETE_ROWS, **LEARNING_CURVE}
GROUPS = {
    "rivals": RIVALS,
    "networks": NETWORKS,
    "ablation": ABLATION,
    "athletes": ATHLETE_ROWS,
    "learning_curve": LEARNING_CURVE,
    "all": ROWS,
}


def needs_athletes(row: str) -> bool:
    """Whether a row learns from drawn athletes."""
    return ROWS[row].athletes != "none" or ROWS[row].unknown
