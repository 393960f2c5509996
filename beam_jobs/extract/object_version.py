"""Which version of an object in a store was read."""

from beam_jobs import storage
from beam_jobs.labels import Video
from beam_jobs.video.frames import VideoError

OVERWRITTEN = "overwritten"


def check_version(video: Video) -> None:
    """Refuses a video that is another version than the one that was announced; call it when it has been read.

    Raises:
      VideoError: OVERWRITTEN; the new version has an announcement of its own.
      FileNotFoundError: if it is gone by now.
    """
    if video.generation is None:
        return
    fs, name = storage.filesystem(video.uri)
    fs.invalidate_cache()
    found = str(fs.info(name).get("generation"))
    if found != video.generation:
        raise VideoError(
            OVERWRITTEN,
            f"{video.uri} was announced as generation {video.generation}; its generation {found} is there by now, and "
            "is extracted in its place. Nothing needs to be done.",
        )
