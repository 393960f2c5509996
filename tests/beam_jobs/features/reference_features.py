"""The features once more: NumPy in float64, one row after the other, written from contracts.md and not from the code.

Two things contracts.md leaves open, and here they are as we decided: a history is 8 rows (windows.HISTORY_LENGTH), and
the torso's length, "robust over time", is the median over it where the row itself has a torso. So these two are
repeated, not checked.

Otherwise deliberately by other formulas where there are any (law of cosines for angles, a basis of the body for
mirroring), and with numbers of landmarks and not names.
"""

import math

import numpy as np

HISTORY = 8
ANGLES = [
    (11, 13, 15),
    (12, 14, 16),
    (13, 11, 23),
    (14, 12, 24),
    (11, 23, 25),
    (12, 24, 26),
    (23, 25, 27),
    (24, 26, 28),
]
MIRRORED = [(15, 16), (13, 14), (25, 26), (27, 28)]
DISTANCES = [(11, 12), (23, 24), (15, 16), (27, 28), (15, 23), (16, 24), (23, 27), (24, 28)]


def length(vector):
    return math.sqrt(sum(float(v) ** 2 for v in vector))


def angle(a, b, c):
    """Degrees at b, by the law of cosines."""
    ab, cb, ac = length(a - b), length(c - b), length(a - c)
    if not ab > 0 or not cb > 0:
        return math.nan
    return math.degrees(math.acos(max(-1.0, min(1.0, (ab**2 + cb**2 - ac**2) / (2 * ab * cb)))))


def torso(points):
    return (points[11] + points[12]) / 2 - (points[23] + points[24]) / 2


def scale_of(history):
    lengths = [length(torso(points)) for points in history]
    if math.isnan(lengths[-1]):
        return math.nan
    lengths = [value for value in lengths if value > 0]
    return float(np.median(lengths)) if lengths else math.nan


def mirrored(point, points):
    """A point (origin mid-hip) with its coordinate across the body negated, in a basis: along, across, the third."""
    along = torso(points) / length(torso(points))
    across = (points[23] - points[24]) + (points[11] - points[12])
    third = np.cross(along, across)
    third = third / length(third)
    across = np.cross(third, along)
    basis = np.stack([along, across, third])
    return (basis @ point * [1, -1, 1]) @ basis


def centred(points, scale):
    return (points - (points[23] + points[24]) / 2) / scale


def row(history, times_ms):
    """The six tables' values for the last row of a history."""
    points = history[-1]
    scale = scale_of(history)
    normal = centred(points, scale)
    angles = [angle(*(points[i] for i in triple)) for triple in ANGLES]
    symmetry = [angles[0] - angles[1], angles[2] - angles[3], angles[4] - angles[5], angles[6] - angles[7]]
    symmetry += [length(mirrored(normal[left], normal) - normal[right]) for left, right in MIRRORED]
    distances = [length(normal[a] - normal[b]) for a, b in DISTANCES]
    speed, acceleration = np.full(33, np.nan), np.full(33, np.nan)
    if len(history) > 1 and times_ms[-1] > times_ms[-2]:
        dt = (times_ms[-1] - times_ms[-2]) / 1000
        velocity = (normal - centred(history[-2], scale)) / dt
        speed = np.array([length(v) for v in velocity])
        if len(history) > 2 and times_ms[-2] > times_ms[-3]:
            dt_before = (times_ms[-2] - times_ms[-3]) / 1000
            before = (centred(history[-2], scale) - centred(history[-3], scale)) / dt_before
            acceleration = np.array([length(v) for v in (velocity - before) / ((dt + dt_before) / 2)])
    return {
        "normalized": normal.reshape(99),
        "joint_angles": np.array(angles),
        "symmetry": np.array(symmetry),
        "distances": np.array(distances),
        "velocity": speed,
        "acceleration": acceleration,
    }


def features(landmarks, timestamps_ms):
    """The six tables of one clip: landmarks (T, 33, 3) and times (T,) to float64 arrays (T, columns) by table name."""
    landmarks = np.asarray(landmarks, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = [
            row(landmarks[max(0, t + 1 - HISTORY) : t + 1], timestamps_ms[max(0, t + 1 - HISTORY) : t + 1])
            for t in range(len(landmarks))
        ]
    return {name: np.stack([values[name] for values in rows]) for name in rows[0]}


def standardized(columns, train):
    """z-scores by the rows where `train` is true; 0 for NaN."""
    columns = np.asarray(columns, np.float64)
    mean, deviation = np.nanmean(columns[train], axis=0), np.nanstd(columns[train], axis=0)
    return np.nan_to_num((columns - mean) / deviation, nan=0.0)
