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
    """

    about: str
    rival: str = ""
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    athletes: str = "none"
    unknown: bool = False
    probed: bool = False
    num_networks: int = 1

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


def _augmented(about: str, **changes: Any) -> Contender:
    return _network(about, changes={"augmentation": changes})


RIVALS = {
    "seed": _network(
        "the seed's network and recipe: every window, no augmentation, no smoothing, the last weights",
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
    "conv": _network("a TCN of today"),
    "conv_transformer": _network("convolutions, then a Transformer", "conv_transformer"),
    "graph": _network("a graph network over the skeleton", "graph"),
}
ABLATION = {
    "conv, no augmentation": _augmented("nothing but the features", **NO_AUGMENTATION),
    "conv, no mirroring": _augmented("without mirroring", mirror_probability=0.0),
    "conv, no turning": _augmented("without turning about the vertical axis", max_yaw_degrees=0.0),
    "conv, little turning": _augmented("turned by up to 30 degrees about the vertical axis", max_yaw_degrees=30.0),
    "conv, no tempo": _augmented("without another tempo", max_stretch=0.0),
    "conv, no noise": _augmented("without noise, offsets and scale", offset=0.0, jitter=0.0, scale=0.0),
    "conv, no hidden parts": _augmented("without parts of the body out of view", hidden_probability=0.0),
    "conv, no gaps": _augmented("without missing rows", max_drop_share=0.0, lead_probability=0.0),
    "conv, mixup": _augmented("with mixup of 0.2", mixup=0.2),
    "conv, no smoothing": _network("without label smoothing", changes={"training": {"label_smoothing": 0.0}}),
    "conv, no averaged weights": _network("the last weights", changes={"training": {"ema_momentum": 0.0}}),
    "conv, wide": _network("twice the filters", changes={"network": {"filters": 128}}),
    "conv, 3 networks": _network("three networks answer together", num_networks=3),
}
# Thousands of athletes: a window of each an epoch.
ATHLETES_FIRST: dict[str, Any] = {"training": {"max_windows_per_clip": 1, "epochs": 24}}
ATHLETE_ROWS = {
    "athletes alone": _network("drawn athletes alone", changes=ATHLETES_FIRST, athletes="alone"),
    "athletes, then clips": _network("drawn athletes, then the clips", athletes="pretrain"),
    "athletes and clips": _network("drawn athletes and the clips together", athletes="mixed"),
    "default": _network(
        "drawn athletes, idlers among them, and the clips together", athletes="mixed", unknown=True, probed=True
    ),
}
ROWS: dict[str, Contender] = {**RIVALS, **NETWORKS, **ABLATION, **ATHLETE_ROWS}
GROUPS = {"rivals": RIVALS, "networks": NETWORKS, "ablation": ABLATION, "athletes": ATHLETE_ROWS, "all": ROWS}


def needs_athletes(row: str) -> bool:
    """Whether a row learns from drawn athletes."""
    return ROWS[row].athletes != "none" or ROWS[row].unknown
