"""python -m live: parse, validate, open, run."""

import argparse
import contextlib
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, TextIO

from beam_jobs import windows
from beam_jobs.errors import UsageError, UserError, report_user_errors
from beam_jobs.flags import flags_of, unknown_flag
from live.defaults import add_bundle
from live.signals import (
    SIGNALS,
    deferred_signals,
    interrupt,
    open_closed_streams,
    separate_output,
    signals_exit_immediately,
)

if TYPE_CHECKING:
    from live import camera, people, publisher, recognizer, screen
    from model import exported_bundle

_EXAMPLES = """examples:
  python -m live --source 0                                                  a webcam, in a window (q or Esc ends)
  python -m live --bundle bundle --source clip.mp4 --json                    a file, one JSON object a line
  python -m live --bundle bundle --source clip.mp4 --no_window --record out.mp4
  python -m live --bundle bundle --source rtsp://192.168.1.20:554/stream --json
  python -m live serve                                                       a page for browsers: live serve --help

--json writes five lines a second:
  {"timestamp_ms": 4200, "person": 0, "exercise": "squat", "probability": 0.97, "status": "exercise", "hint": null,
   "repetitions": 3, "held_s": null}
"status" is one of
  exercise       the person does the exercise that "exercise" names
  no_exercise    the person does none of the exercises that the bundle knows; "exercise" is "none"
  partly_in_view no answer, and parts of the person are out of the picture; "exercise" is null, as in all that follow
  not_sure       no answer is as probable as --min_probability asks for
  warming_up     a person is in view, but not for long enough yet
  no_person      no person is in view
  too_dark       the picture is too dark
"hint" says what the person should change, for instance "step back: knees are not in view". "repetitions" counts the
exercise that is shown now, "held_s" the seconds of a hold. When a file ends, also what was done from when to when:
  {"summary": {"person": 0, "exercise": "squat", "probability": 0.95, "num_predictions": 61, "status": "exercise",
   "segments": [{"exercise": "squat", "start_ms": 600, "end_ms": 12800, "probability": 0.96, "num_windows": 60,
   "repetitions": 5, "held_s": null}]}}
With --num_people, each person has lines and a summary; "person" is null where nobody is in view.

A file is read whole, every frame on the sampling grid; of a camera or stream only the newest frame counts, so that
answers never fall behind. Ctrl-C completes a recording; it is the usual end of a camera or stream that has been
opened (exit code 0), and an interruption of all else (130).
"""


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses and checks the command line; unknown flags and contradictions are errors (exit code 2)."""
    parser = argparse.ArgumentParser(
        "python -m live",
        description="Recognises exercises in a camera's, a stream's or a file's pictures, by a bundle.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_bundle(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--source", help="a camera's number (0 is the first), a video file, or a URL")
    source.add_argument("--list_cameras", action="store_true", help="list the cameras of this machine, and end")
    parser.add_argument("--json", action="store_true", help="write JSON lines to standard output; shows no window")
    parser.add_argument("--record", metavar="FILE.mp4", help="write what the window shows to a video file")
    parser.add_argument(
        "--publish",
        metavar="TOPIC",
        help="send the landmarks, never pictures, to projects/PROJECT/topics/TOPIC (see beam_jobs/streaming.md)",
    )
    parser.add_argument(
        "--no_mirror", action="store_true", help="do not mirror a camera's pictures; files and streams never are"
    )
    parser.add_argument("--no_window", action="store_true", help="show no window, for machines without a display")
    parser.add_argument(
        "--pose_model", metavar="FILE.task", help="pose model, local or gs:// (default: the cached one)"
    )
    parser.add_argument(
        "--min_probability",
        type=float,
        default=0.7,
        metavar="P",
        help="name an exercise once it is as probable as this, 0 to 1 (default: 0.7), until it is less than two fifths "
        'of that; else the answer is "not sure". 0 always names the likeliest one',
    )
    parser.add_argument(
        "--num_people",
        type=int,
        default=1,
        metavar="N",
        help="follow up to N people at a time, each with a number; takes about twice the time of one (default: 1)",
    )
    parser.add_argument("--num_frames", type=int, metavar="N", help="stop after N sampled frames")
    parser.add_argument("--verbose", action="store_true", help="show what MediaPipe, LiteRT and FFmpeg log")
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        raise unknown_flag(unknown[0], flags_of(parser), "python -m live --help")
    _check(args, parser)
    return args


def _check(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Ends with exit code 2 where a flag's value is wrong, or two flags contradict each other."""
    if args.num_frames is not None and args.num_frames < 1:
        parser.error(f"argument --num_frames: {args.num_frames}; expected 1 or more")
    if args.num_people < 1:
        parser.error(f"argument --num_people: {args.num_people}; expected 1 or more")
    if not 0 <= args.min_probability <= 1:
        parser.error(f"argument --min_probability: {args.min_probability:g}; expected 0 to 1")
    if args.publish is not None and not re.fullmatch(r"projects/[^/]+/topics/[^/]+", args.publish):
        parser.error(f"argument --publish: {args.publish}; expected projects/PROJECT/topics/TOPIC")
    if args.record is not None:
        if not args.record.lower().endswith(".mp4"):
            parser.error(f"argument --record: {args.record}; expected a name that ends in .mp4")
        if os.path.isdir(args.record):
            parser.error(f"argument --record: {args.record} is a folder; expected a file's name")
        if os.path.exists(args.record) and os.path.exists(args.source) and os.path.samefile(args.record, args.source):
            parser.error(f"argument --record: {args.record} is the source itself; expected another file")


@report_user_errors
def main(argv: list[str] | None = None) -> int:
    """Runs the command; see --help."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["serve"]:
        from live.server import command

        return command.main(argv[1:])
    output_is_open = open_closed_streams()
    args = parse(argv)
    if args.list_cameras:
        return _list_cameras()
    if args.json and not output_is_open:
        raise UsageError("--json writes to standard output, which is closed; expected a terminal, a file or a pipe.")
    # Set, not inherited: a shell's background job ignores Ctrl-C's signal, and a service manager sends SIGTERM.
    for number in SIGNALS:
        signal.signal(number, interrupt)
    with separate_output(args.verbose) as out:
        return run(args, out)


def _list_cameras() -> int:
    from live import camera

    cameras = camera.list_cameras()
    for index, width_px, height_px, frame_rate_hz in cameras:
        rate = f", {frame_rate_hz:g} frames a second" if frame_rate_hz else ""
        print(f"--source {index}: {width_px} x {height_px} pixels{rate}")
    if not cameras:
        raise UserError(
            "no camera can be opened here. Plug one in, close other programs that use it, allow the terminal to use "
            "it, or pass a video file or a URL as --source."
        )
    return 0


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Opens everything, the quick and fallible first, and works through the source."""
    from beam_jobs import storage
    from beam_jobs.pose import estimator, model_file
    from live import camera
    from model import bundle as bundles

    if not storage.is_folder(args.bundle):
        raise UsageError(f"--bundle {args.bundle} does not exist; expected a bundle (python -m model train makes one).")
    metadata = bundles.read_metadata(args.bundle)
    frame_rate_hz = metadata["frame_rate_hz"]
    # The pose model before the source: a camera that runs while a model is being fetched, or for nothing, is a waste.
    pose_model_path = model_file.locate(args.pose_model)
    bundles.check_fingerprint(metadata["fingerprint"], estimator.fingerprint(pose_model_path, frame_rate_hz))
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(
            contextlib.closing(camera.open_source(args.source, windows.SamplingGrid(frame_rate_hz)))
        )
        try:
            failure = _recognize(args, out, source, pose_model_path, frame_rate_hz, stack)
        except BrokenPipeError:
            # Nobody reads any more (`| head`): an end like any other.
            return 0
        except KeyboardInterrupt:
            if source.is_live:
                return 0
            # Closed here, without an error, so that the recording is completed.
            stack.close()
            raise
    if failure:
        raise failure
    return 0


def _recognize(
    args: argparse.Namespace,
    out: TextIO,
    source: "camera.RecordedSource | camera.LiveSource",
    pose_model_path: str,
    frame_rate_hz: float,
    stack: contextlib.ExitStack,
) -> UserError | None:
    """Works through the source, with all that it opens on the stack; returns what ended it before its time."""
    from live import camera, outputs, screen

    shown = not (args.no_window or args.json)
    if shown:
        screen.check_display()
    publisher = stack.enter_context(_publisher(args, pose_model_path, frame_rate_hz)) if args.publish else None
    bundle, recognizing = _start_recognizer(args, pose_model_path, source, stack)
    window = _open_window(source, stack) if shown else None
    from live import overlay

    recorder = stack.enter_context(outputs.Recorder(args.record, frame_rate_hz)) if args.record else None
    lines: outputs.JsonLines | outputs.TextLines
    lines = outputs.JsonLines(out) if args.json else outputs.TextLines(out, names_people=args.num_people > 1)
    rate, slow = outputs.FrameRate(), outputs.SlowWarning(bundle.rule, frame_rate_hz, source.is_live)
    # As in a mirror: what is shown, not what is estimated.
    mirrored = not args.no_mirror and camera.camera_index(args.source) is not None
    annotator = overlay.PictureAnnotator(bundle.labels, mirrored, several=args.num_people > 1)
    failure: UserError | None = None
    number = 0
    try:
        for number, frame in enumerate(source, 1):
            with deferred_signals():
                recognitions = recognizing.update_all(frame.image, frame.timestamp_ms)
                for recognition in recognitions:
                    lines.show(recognition)
                if publisher:
                    publisher.add(frame.frame_id, frame.timestamp_ms, recognitions)
                slow.watch(frame.timestamp_ms)
                frames_per_second = rate.tick()
                if recorder or window:
                    picture = annotator.annotate(frame.image.copy(), recognitions, frames_per_second)
                    if recorder:
                        recorder.write(picture, frame.frame_id)
            if window and not window.show(picture, frame.timestamp_ms):
                break
            if number == args.num_frames:
                break
    except UserError as error:
        # A file that ends early or a camera that goes away: what there was is kept, then the error is reported.
        failure = error
    if not source.is_live and number:
        for summary in recognizing.summaries():
            lines.summarize(summary)
    return failure


def _open_window(source: "camera.RecordedSource | camera.LiveSource", stack: contextlib.ExitStack) -> "screen.Window":
    from live import camera, screen

    window = stack.enter_context(screen.Window(paced=not source.is_live))
    if isinstance(source, camera.LiveSource):
        source.stop_asked = window.asks_to_end
    return window


def _start_recognizer(
    args: argparse.Namespace,
    pose_model_path: str,
    source: "camera.RecordedSource | camera.LiveSource",
    stack: contextlib.ExitStack,
) -> "tuple[exported_bundle.ExportedBundle, recognizer.Recognizer | people.PeopleRecognizer]":
    from beam_jobs.pose import estimator
    from model import exported_bundle, litert

    # Now, after all that may fail at once: MediaPipe takes seconds to import.
    with signals_exit_immediately(0 if source.is_live else 130):
        from live import recognizer

        estimator.import_mediapipe()
        litert.import_interpreter()
    source.wait_until_open()
    bundle = exported_bundle.load(args.bundle)
    # MediaPipe's threads go on logging for a moment when its start is broken off.
    with signals_exit_immediately(0 if source.is_live else 130):
        if args.num_people == 1:
            one = stack.enter_context(recognizer.Recognizer(bundle, pose_model_path, args.min_probability))
            return bundle, one
        from live import people

        several = people.PeopleRecognizer(bundle, pose_model_path, args.num_people, args.min_probability)
        return bundle, stack.enter_context(several)


def _publisher(args: argparse.Namespace, pose_model_path: str, frame_rate_hz: float) -> "publisher.LandmarkPublisher":
    from beam_jobs.pose import estimator
    from live import publisher

    fingerprint = estimator.fingerprint(pose_model_path, frame_rate_hz, args.num_people)
    return publisher.LandmarkPublisher(args.publish, fingerprint)


if __name__ == "__main__":
    sys.exit(main())
