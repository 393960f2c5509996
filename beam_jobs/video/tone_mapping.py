"""HDR pictures (PQ and HLG) as a screen without HDR shows them.

Light on the display is counted in multiples of 203 cd/m², HDR's reference white (ITU-R BT.2408), which becomes the
white of the result. Brighter light is compressed by a Möbius curve, as in FFmpeg's `tonemap=mobius`. Measured: 1.5 ms
for a picture of 640 x 360; libswscale's own conversion takes 46 ms and clips what is brighter than white.
"""

import functools
from collections.abc import Callable

import numpy as np

_REFERENCE_WHITE_CD_M2 = 203.0
# The brightest light that still differs from white: the peak of HLG's reference display and of most PQ masters.
_PEAK = 1000 / _REFERENCE_WHITE_CD_M2
# Light up to here stays as it is. ITU-R BT.2390's curve begins to compress at 0.46 for the same peak and white.
_KNEE = 0.5
_NUM_CODES = 1 << 16
# Parts of a picture that stay in a processor's cache; and a whole 8K picture as float32 would take 400 MB.
_PIXELS_AT_ONCE = 1 << 14
# Linear BT.2020 to linear BT.709, for columns of red, green, blue (ITU-R BT.2087).
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def pq_light(signal: np.ndarray) -> np.ndarray:
    """Light of a PQ signal from 0 to 1, in multiples of reference white. Source: SMPTE ST 2084, its EOTF."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = np.asarray(signal, float) ** (1 / m2)
    light = np.maximum(power - c1, 0) / (c2 - c3 * power)
    return 10_000 / _REFERENCE_WHITE_CD_M2 * light ** (1 / m1)


def hlg_light(signal: np.ndarray) -> np.ndarray:
    """Light of an HLG signal from 0 to 1 on a display of 1000 cd/m², in multiples of reference white.

    Source: ITU-R BT.2100, the inverse OETF; then the OOTF's exponent of 1.2, here for each colour by itself, which is
    exact for greys.
    """
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.asarray(signal, float)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return 1000 / _REFERENCE_WHITE_CD_M2 * scene**1.2


def compress(light: np.ndarray) -> np.ndarray:
    """Light from 0 to the peak as 0 to 1: unchanged up to the knee, then along a Möbius curve with the same slope."""
    k, peak = _KNEE, _PEAK
    a = -(k**2) * (peak - 1) / (k**2 - 2 * k + peak)
    b = (k**2 - 2 * k * peak + peak) / (peak - 1)
    light = np.asarray(light, float)
    return np.where(light <= k, light, (b**2 + 2 * b * k + k**2) / (b - a) * (light + a) / (light + b))


# By the name in VideoInfo.colour_transfer.
HDR_TRANSFERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"smpte2084": pq_light, "arib_std_b67": hlg_light}


def tone_map(image: np.ndarray, colour_transfer: str, has_bt2020_primaries: bool = True) -> np.ndarray:
    """An HDR picture as BT.709 with the gamma of 2.4 of a usual screen (ITU-R BT.1886).

    Args:
      image: BGR in HDR's own signal, uint16 over its whole range, shape (height, width, 3).
      colour_transfer: one of HDR_TRANSFERS.
      has_bt2020_primaries: the colours are BT.2020's; otherwise they are taken for BT.709's.

    Returns:
      BGR, uint8, the same shape.
    """
    mapped = np.empty(image.shape, np.uint8)
    rows = max(1, _PIXELS_AT_ONCE // image.shape[1])
    for start in range(0, image.shape[0], rows):
        mapped[start : start + rows] = _map_part(image[start : start + rows], colour_transfer, has_bt2020_primaries)
    return mapped


def _map_part(image: np.ndarray, colour_transfer: str, has_bt2020_primaries: bool) -> np.ndarray:
    import cv2

    light = np.take(_light_table(colour_transfer), image)
    if has_bt2020_primaries:
        light = cv2.transform(light, np.ascontiguousarray(_BT2020_TO_BT709[::-1, ::-1]))
    np.clip(light, 0, _NUM_CODES - 1, out=light)
    return np.take(_signal_table(), light.astype(np.uint16))


@functools.cache
def _light_table(colour_transfer: str) -> np.ndarray:
    """Light of each 16-bit code; its unit is such that the last entry of `_signal_table` is the peak."""
    light = HDR_TRANSFERS[colour_transfer](np.arange(_NUM_CODES) / (_NUM_CODES - 1))
    return (light * (_NUM_CODES - 1) / _PEAK).astype(np.float32)


@functools.cache
def _signal_table() -> np.ndarray:
    """The 8-bit signal of each amount of light from none to the peak."""
    signal = compress(np.linspace(0, _PEAK, _NUM_CODES)) ** (1 / 2.4)
    return np.round(255 * np.clip(signal, 0, 1)).astype(np.uint8)
