"""The 33 landmarks of MediaPipe Pose: names, left and right pairs, skeleton edges.

Indices are 0-based, as MediaPipe's own. "Left" is the person's left.
Source: MediaPipe's pose landmark model (BlazePose GHUM 3D).
"""

LANDMARK_NAMES: tuple[str, ...] = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
NUM_LANDMARKS = len(LANDMARK_NAMES)

LEFT_EAR, RIGHT_EAR = 7, 8
LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_ELBOW, RIGHT_ELBOW = 13, 14
LEFT_WRIST, RIGHT_WRIST = 15, 16
LEFT_HIP, RIGHT_HIP = 23, 24
LEFT_KNEE, RIGHT_KNEE = 25, 26
LEFT_ANKLE, RIGHT_ANKLE = 27, 28

# (left, right) of every landmark that has a side; the nose alone has none.
LEFT_RIGHT_PAIRS: tuple[tuple[int, int], ...] = (
    (1, 4),
    (2, 5),
    (3, 6),
    (7, 8),
    (9, 10),
    *((left, left + 1) for left in range(11, 33, 2)),
)


def _mirror() -> tuple[int, ...]:
    order = list(range(NUM_LANDMARKS))
    for left, right in LEFT_RIGHT_PAIRS:
        order[left], order[right] = right, left
    return tuple(order)


# landmarks[..., MIRROR_INDICES, :] swaps the sides' names; negate x beside it to mirror a body.
MIRROR_INDICES: tuple[int, ...] = _mirror()

# The angles' vertices with their neighbours: (name, proximal, joint, distal), left before right.
JOINTS: tuple[tuple[str, int, int, int], ...] = (
    ("left_elbow", 11, 13, 15),
    ("right_elbow", 12, 14, 16),
    ("left_shoulder", 13, 11, 23),
    ("right_shoulder", 14, 12, 24),
    ("left_hip", 11, 23, 25),
    ("right_hip", 12, 24, 26),
    ("left_knee", 23, 25, 27),
    ("right_knee", 24, 26, 28),
)

_LEFT_ARM, _RIGHT_ARM = (13, 15, 17, 19, 21), (14, 16, 18, 20, 22)
_LEFT_LOWER_LEG, _RIGHT_LOWER_LEG = (27, 29, 31), (28, 30, 32)
# Parts of a body that a camera may not see. Each: the landmark that the part begins at, and the landmarks beyond it.
BODY_PARTS: dict[str, dict[int, tuple[int, ...]]] = {
    "left_arm": {LEFT_SHOULDER: _LEFT_ARM},
    "right_arm": {RIGHT_SHOULDER: _RIGHT_ARM},
    "arms": {LEFT_SHOULDER: _LEFT_ARM, RIGHT_SHOULDER: _RIGHT_ARM},
    "lower_legs": {LEFT_KNEE: _LEFT_LOWER_LEG, RIGHT_KNEE: _RIGHT_LOWER_LEG},
    "legs": {LEFT_HIP: (LEFT_KNEE, *_LEFT_LOWER_LEG), RIGHT_HIP: (RIGHT_KNEE, *_RIGHT_LOWER_LEG)},
    "head": {LEFT_SHOULDER: (0, 2, 4, 6, 8, 10), RIGHT_SHOULDER: (1, 3, 5, 7, 9)},
}

CONNECTIONS: tuple[tuple[int, int], ...] = (
    (0, 1),
    (1, 2),
    (2, 3),
    (3, 7),
    (0, 4),
    (4, 5),
    (5, 6),
    (6, 8),
    (9, 10),
    (11, 12),
    (11, 13),
    (13, 15),
    (15, 17),
    (15, 19),
    (15, 21),
    (17, 19),
    (12, 14),
    (14, 16),
    (16, 18),
    (16, 20),
    (16, 22),
    (18, 20),
    (11, 23),
    (12, 24),
    (23, 24),
    (23, 25),
    (25, 27),
    (27, 29),
    (27, 31),
    (29, 31),
    (24, 26),
    (26, 28),
    (28, 30),
    (28, 32),
    (30, 32),
)
