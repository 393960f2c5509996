"""Odd kinds of videos come out as a player shows them: the same pictures and landmarks as those of a plain video.

Each kind is made of one drawn athlete. Measured, in torso lengths and degrees: another H.264 encoding of the plain
video alone moves landmarks by 0.02 and angles by 1.0, the kinds by 0.02 to 0.04 and 0.6 to 1.9. Without what each kind
needs its pictures differ from the plain video's by more than the limit here, or have another size.
"""

import pathlib

import av
import numpy as np
import pytest
import videos

from beam_jobs import landmarks
from beam_jobs.athletes.clip import Clip
from beam_jobs.athletes.scene import Scene
from beam_jobs.pose import estimator
from beam_jobs.video import pictures, tone_mapping
from beam_jobs.video.decoder_process import Decoder
from beam_jobs.video.frames import VideoError, mean_brightness
from beam_jobs.video.reader import VideoReader

WIDTH_PX, HEIGHT_PX = 384, 512
RATE_HZ = 25
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "14")
INTERLACED = ("-flags", "+ilme+ildct")
# Of the light's way from a screen without HDR to one with it and back, the part forth: reference white is 203 cd/m².
TO_HDR = (
    "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv,"
    "zscale=t=linear:npl=203,format=gbrpf32le,"
    "zscale=p=bt2020:t={0}:m=bt2020nc:r=tv:npl=203,format=yuv420p10le"
)
HDR = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:crf=4")
HDR_TAGS = ("-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_trc")
# Made of the plain video: name, ffmpeg's options.
KINDS = {
    "again.mp4": H264,
    "sar_2_1.mp4": ("-vf", "scale=iw/2:ih,setsar=2/1", *H264),
    "sar_4_3.mp4": ("-vf", "scale=iw*3/4:ih,setsar=4/3", *H264),
    "sar_1_2.mkv": ("-vf", "scale=iw:ih/2,setsar=1/2", *H264),
    "sar_32_27.mov": ("-vf", "scale=iw*27/32:ih,setsar=32/27", *H264),
    "av1.mp4": ("-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-crf", "20"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "0", "-crf", "8"),
    "hevc_10_bit.mp4": ("-pix_fmt", "yuv420p10le", *HDR),
    "pq.mp4": ("-vf", TO_HDR.format("smpte2084"), *HDR, *HDR_TAGS, "smpte2084"),
    "hlg.mov": ("-vf", TO_HDR.format("arib-std-b67"), *HDR, *HDR_TAGS, "arib-std-b67"),
    "alpha.webm": (
        "-pix_fmt",
        "yuva420p",
        "-c:v",
        "libvpx-vp9",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-b:v",
        "0",
        "-crf",
        "8",
    ),
    "alpha.mov": ("-pix_fmt", "yuva444p10le", "-c:v", "prores_ks", "-profile:v", "4444"),
    "a.gif": ("-filter_complex", "split[a][b];[a]palettegen[p];[b][p]paletteuse"),
}
HDR_KINDS = {"pq.mp4": "smpte2084", "hlg.mov": "arib_std_b67"}
FULL_RANGE_OF_COLOURS = [kind for kind in KINDS if kind != "a.gif"]
INTERLACED_KINDS = {
    "tff.mp4": ("-vf", "interlace=scan=tff", *H264, *INTERLACED, "-x264-params", "tff=1"),
    "bff.mkv": ("-vf", "interlace=scan=bff", *H264, *INTERLACED, "-x264-params", "bff=1"),
    "mpeg2.mpg": ("-vf", "interlace", "-c:v", "mpeg2video", "-q:v", "2", *INTERLACED),
}
# What a player does with a stored picture, and ffmpeg's options for a display matrix that asks for it.
MIRRORED = {
    "hflip.mp4": (("-display_hflip",), lambda shown: shown[:, ::-1]),
    "vflip.mp4": (("-display_vflip",), lambda shown: shown[::-1]),
    "turned_and_mirrored.mp4": (
        ("-display_rotation", "90", "-display_hflip"),
        lambda shown: shown[::-1, ::-1].transpose(1, 0, 2),
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("odd")


@pytest.fixture(scope="module")
def drawn() -> list[np.ndarray]:
    """A jumping jack at 50 Hz, twice as often as the videos show it."""
    scene = Scene(Clip(7, 0, 0, "jumping_jack", "train"), 1.0)
    assert scene.size == (WIDTH_PX, HEIGHT_PX)
    scene.frame_rate_hz, scene.num_frames = 2 * RATE_HZ, 40
    return list(scene.frames())


@pytest.fixture(scope="module")
def plain(folder, drawn) -> str:
    return videos.write(folder / "plain.mp4", drawn[::2], RATE_HZ, options=(*H264, "-colorspace", "bt709"))


@pytest.fixture(scope="module")
def plain_images(plain) -> list[np.ndarray]:
    return images_of(plain)


@pytest.fixture(scope="module")
def plain_poses(plain_images, pose_model_path) -> np.ndarray:
    return poses_of(plain_images, pose_model_path)


@pytest.fixture(scope="module")
def make(folder, plain, drawn):
    """Makes a video of a kind, once."""

    def make_kind(kind: str) -> str:
        path = folder / kind
        if path.exists():
            return str(path)
        if kind in KINDS:
            videos.ffmpeg("-i", plain, *KINDS[kind], str(path))
        elif kind in INTERLACED_KINDS:
            videos.write(path, drawn, 2 * RATE_HZ, options=INTERLACED_KINDS[kind])
        else:
            options, stored = MIRRORED[kind]
            whole = [np.ascontiguousarray(stored(image)) for image in drawn[::2]]
            videos.ffmpeg(
                *options,
                "-i",
                videos.write(folder / f"stored_{kind}", whole, RATE_HZ, options=H264),
                "-c",
                "copy",
                str(path),
            )
        return str(path)

    return make_kind


def images_of(path: str) -> list[np.ndarray]:
    return [frame.image for frame in videos.read_frames(path)]


def poses_of(images: list[np.ndarray], model: str) -> np.ndarray:
    """World landmarks of every fourth picture, metres, shape (T, 33, 3)."""
    with estimator.PoseEstimator(model) as poses:
        return np.stack([poses.estimate(image, 160 * step).world for step, image in enumerate(images[::4])])


def distance_torso(found: np.ndarray, expected: np.ndarray) -> float:
    """Mean distance of landmarks, in torso lengths."""
    left, right = expected[:, [11, 23]], expected[:, [12, 24]]
    middles = (left + right) / 2
    torso = np.linalg.norm(middles[:, 0] - middles[:, 1], axis=-1).mean()
    return float(np.linalg.norm(found - expected, axis=-1).mean() / torso)


def angles_degrees(world: np.ndarray) -> np.ndarray:
    """The joints' angles, by the law of cosines."""
    points = [world[:, list(joint[1:])] for joint in landmarks.JOINTS]
    limbs = np.stack([points_of[:, ::2] - points_of[:, 1:2] for points_of in points], 1)
    limbs /= np.linalg.norm(limbs, axis=-1, keepdims=True)
    return np.degrees(np.arccos(np.clip((limbs[:, :, 0] * limbs[:, :, 1]).sum(-1), -1, 1)))


def difference(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Mean difference of pictures, in grey levels of 255."""
    pairs = zip(found, expected, strict=True)
    return float(np.mean([np.abs(image.astype(int) - other).mean() for image, other in pairs]))


@pytest.mark.parametrize("kind", [*KINDS, *INTERLACED_KINDS, *MIRRORED])
def test_landmarks_are_those_of_the_plain_video(kind, make, plain_images, plain_poses, pose_model_path):
    images = images_of(make(kind))
    assert len(images) == len(plain_images)
    assert {image.shape for image in images} == {(HEIGHT_PX, WIDTH_PX, 3)}
    poses = poses_of(images, pose_model_path)
    assert difference(images, plain_images) < 6
    assert distance_torso(poses, plain_poses) < 0.05
    assert np.abs(angles_degrees(poses) - angles_degrees(plain_poses)).mean() < 2.5


def test_interlaced_pictures_are_no_woven_fields(make, drawn, plain_images):
    """Guards the limit above: where something moves, two fields of two moments woven into one picture differ more."""
    woven = drawn[20].copy()
    woven[1::2] = drawn[21][1::2]
    moving = np.abs(drawn[20].astype(int) - drawn[21]).max(-1) > 60
    assert moving.sum() > 500

    def differs(image: np.ndarray) -> float:
        return float(np.abs(image.astype(int) - plain_images[10])[moving].mean())

    assert differs(images_of(make("tff.mp4"))[10]) < 0.6 * differs(woven)


@pytest.mark.parametrize("kind", INTERLACED_KINDS)
def test_interlaced_after_progressive_in_one_process(kind, make, plain):
    decoder = Decoder()
    try:
        progressive = [frame.image for frame in decoder.read(plain, 15)]
        decoded = decoder.read(make(kind), 15)
        images = [frame.image for frame in decoded]
        assert decoded.state.is_interlaced
    finally:
        decoder.close()
    assert difference(images, progressive) < 6


@pytest.mark.parametrize("kind", INTERLACED_KINDS)
def test_interlaced_frames_keep_their_times(kind, make):
    with VideoReader(make(kind)) as reader:
        assert [frame.timestamp_ms for frame in reader] == [40 * number for number in range(20)]
        assert reader.is_interlaced


@pytest.mark.parametrize("kind", HDR_KINDS)
def test_hdr_is_said(kind, make):
    with VideoReader(make(kind)) as reader:
        assert reader.info.colour_transfer == HDR_KINDS[kind]
        assert reader.info.pixel_format == "yuv420p10le"


def test_light_of_hdr_signals():
    """By ITU-R BT.2408: reference white is 203 cd/m², at 58 % of PQ's signal and 75 % of HLG's."""
    assert tone_mapping.pq_light(np.array([0.0, 0.5806, 1.0])) == pytest.approx([0, 1, 10_000 / 203], rel=0.002)
    assert tone_mapping.hlg_light(np.array([0.0, 0.75, 1.0])) == pytest.approx([0, 1, 1000 / 203], rel=0.01)
    light = tone_mapping.compress(np.array([0.0, 0.25, 0.5, 1.0, 2.0, 1000 / 203]))
    assert light == pytest.approx([0, 0.25, 0.5, light[3], light[4], 1])
    # White keeps room above it for what is brighter.
    assert 0.7 < light[3] < 0.8 < light[4] < 0.95


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [(), ("-display_hflip",), ("-display_vflip",)])
def test_every_display_matrix_is_followed_as_ffmpeg_does(tmp_path, degrees, mirror):
    source = videos.write(tmp_path / "a.mp4", 3)
    path = str(tmp_path / "b.mp4")
    videos.ffmpeg("-display_rotation", str(degrees), *mirror, "-i", source, "-c", "copy", path)
    (image, *_) = images_of(path)
    videos.ffmpeg("-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "bgr24", str(tmp_path / "raw"))
    expected = np.frombuffer((tmp_path / "raw").read_bytes(), np.uint8).reshape(image.shape)
    assert np.abs(image.astype(int) - expected).max() <= 3


def test_pixels_that_are_not_square_and_turned(tmp_path):
    stored = videos.write(tmp_path / "a.mp4", 3, options=("-vf", "scale=iw/2:ih,setsar=2", *H264))
    path = videos.rotate(stored, tmp_path / "b.mp4", 90)
    assert {image.shape for image in images_of(path)} == {(160, 120, 3)}


def test_pixels_that_are_nearly_square_stay_as_they_are(tmp_path):
    """An encoder that rounds a picture's size writes such."""
    path = videos.write(tmp_path / "a.mp4", 3, options=("-vf", "setsar=160/161", *H264))
    assert {image.shape for image in images_of(path)} == {(120, 160, 3)}


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_the_default_stream_is_read(tmp_path, ending):
    default = videos.write(tmp_path / "a.mp4", 5)
    other = videos.write(tmp_path / "b.mp4", [np.full((240, 320, 3), 110, np.uint8)] * 5)
    path = str(tmp_path / f"c.{ending}")
    inputs = ("-i", other, "-i", default, "-map", "0", "-map", "1", "-c", "copy")
    videos.ffmpeg(*inputs, "-disposition:v:0", "0", "-disposition:v:1", "default", path)
    assert [videos.number(image) for image in images_of(path)] == list(range(5))


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_cover_is_no_stream(tmp_path, ending):
    cover, path = str(tmp_path / "cover.png"), str(tmp_path / f"b.{ending}")
    video = videos.write(tmp_path / "a.mp4", 5)
    videos.ffmpeg("-f", "lavfi", "-i", "color=size=640x480", "-frames:v", "1", cover)
    if ending == "mkv":
        videos.ffmpeg("-i", video, "-c", "copy", "-attach", cover, "-metadata:s:t", "mimetype=image/png", path)
    else:
        inputs = ("-i", cover, "-i", video, "-map", "0", "-map", "1", "-c", "copy")
        videos.ffmpeg(*inputs, "-disposition:v:0", "attached_pic", path)
    assert [videos.number(image) for image in images_of(path)] == list(range(5))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mov", ("-pix_fmt", "yuva444p10le", "-c:v", "prores_ks", "-profile:v", "4444")),
        ("a.webm", ("-pix_fmt", "yuva420p", "-c:v", "libvpx-vp9")),
    ],
)
def test_what_is_transparent_is_black(tmp_path, name, options):
    path = str(tmp_path / name)
    source = "color=white:size=160x120:duration=0.2,format=yuva444p,geq=lum=p(X\\,Y):a=255*gt(X\\,79)"
    videos.ffmpeg("-f", "lavfi", "-i", source, *options, path)
    for image in images_of(path):
        assert image[:, :72].max() < 20
        assert image[:, 88:].min() > 230


def test_an_animated_webp_is_named_in_the_message(tmp_path):
    path = str(tmp_path / "a.webp")
    videos.ffmpeg("-i", videos.write(tmp_path / "a.mp4", 5), "-c:v", "libwebp_anim", path)
    with pytest.raises(VideoError, match="animated WebP") as raised:
        VideoReader(path)
    assert raised.value.reason == "no_decoder"


def test_a_damaged_packet_costs_frames_and_not_the_video(tmp_path):
    path = tmp_path / "a.mov"
    videos.write(path, 90, options=("-c:v", "png", "-pix_fmt", "rgb24"))
    content = bytearray(path.read_bytes())
    start = content.index(b"\x89PNG", len(content) // 2)
    content[start : start + 100] = bytes(100)
    path.write_bytes(content)
    with VideoReader(str(path)) as reader:
        frames = [(frame.timestamp_ms, videos.number(frame.image)) for frame in reader]
        assert reader.num_frames_lost == 1
    assert len(frames) == 89
    assert all(ms == round(number * 1000 / 30) for ms, number in frames)


def test_frames_with_guessed_parts_are_damage(tmp_path):
    """FFmpeg decodes every packet without an error, and fills in what bits that are wrong make unreadable."""
    path = videos.write(
        tmp_path / "whole.mkv", 90, size_px=(320, 240), options=("-c:v", "mpeg4", "-g", "15", "-q:v", "2")
    )
    assert len(images_of(path)) == 90
    damaged = str(tmp_path / "damaged.mkv")
    videos.ffmpeg("-i", path, "-c", "copy", "-bsf:v", "noise=amount=1200", damaged)
    with pytest.raises(VideoError) as raised:
        images_of(damaged)
    assert raised.value.reason == "damaged"


def test_another_shape_on_the_way_is_fitted_in(tmp_path):
    """The second part is half as wide: it comes between black bars, and nobody is squeezed."""
    videos.write(tmp_path / "1.h264", 5, 25, size_px=(160, 120), options=H264)
    videos.write(tmp_path / "2.h264", [videos.frame(i, 80, 120) for i in range(5, 10)], 25, options=H264)
    joined = tmp_path / "joined.h264"
    joined.write_bytes((tmp_path / "1.h264").read_bytes() + (tmp_path / "2.h264").read_bytes())
    images = images_of(str(joined))
    assert {image.shape for image in images} == {(120, 160, 3)}
    assert [videos.number(image) for image in images[:5]] == list(range(5))
    assert [videos.number(np.ascontiguousarray(image[:, 40:])) for image in images[5:]] == list(range(5, 10))
    assert max(image[:, :39].max() for image in images[5:]) == 0


@pytest.mark.parametrize("entry", ["{folder}/a.ts", "file:{folder}/a.ts", "a.ts"])
def test_a_playlist_leads_nowhere(tmp_path, entry):
    """A comment in Latin-1 makes it no text; FFmpeg by itself would read the other file."""
    videos.write(tmp_path / "a.ts", 30, options=H264)
    address = entry.format(folder=tmp_path)
    lines = ["#EXTM3U", "#\xe9", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", address, "#EXT-X-ENDLIST"]
    (tmp_path / "a.m3u8").write_bytes("\n".join(lines).encode("latin-1"))
    with pytest.raises(VideoError) as raised:
        VideoReader(str(tmp_path / "a.m3u8"))
    assert raised.value.reason == "not_a_video"


def test_what_cannot_be_converted_is_an_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise av.error.PatchWelcomeError(1, "not yet")

    path = videos.write(tmp_path / "a.mp4", 5)
    monkeypatch.setattr(pictures.PictureConverter, "_scale", refuse)
    with pytest.raises(VideoError) as raised:
        images_of(path)
    assert raised.value.reason == "not_converted"


@pytest.mark.parametrize("level", [0, 12, 110, 255])
def test_brightness(level):
    assert mean_brightness(np.full((120, 160, 3), level, np.uint8)) == pytest.approx(level)
    assert mean_brightness(np.full((1, 1, 3), level, np.uint8)) == pytest.approx(level)
