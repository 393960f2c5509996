"""Files that lie beside videos and are none: what phones, cameras, systems, editors and this project's jobs leave."""

import os
import re

# Endings in lower case. A file of any other ending, or of none, is tried as a video.
_SUFFIXES = frozenset(
    # texts, tables, documents
    (
        ".csv",
        ".tsv",
        ".json",
        ".jsonl",
        ".txt",
        ".md",
        ".rst",
        ".html",
        ".htm",
        ".xml",
        ".yaml",
        ".yml",
        ".toml",
        ".log",
    )
    + (".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".rtf", ".nfo")
    # pictures
    + (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff", ".svg", ".ico", ".psd")
    + (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2")
    # sounds
    + (".mp3", ".m4a", ".aac", ".wav", ".flac", ".opus", ".oga", ".wma", ".amr", ".aif", ".aiff", ".mid")
    # subtitles, playlists, and what cameras and editors keep about a clip: thumbnails, edits, tracks, small copies
    + (".srt", ".vtt", ".sub", ".idx", ".ass", ".ssa", ".m3u", ".m3u8", ".pls", ".xspf", ".ifo", ".bup", ".cpi")
    + (".thm", ".lrv", ".lrf", ".aae", ".xmp", ".bdm", ".mpl", ".modd", ".moff", ".gpx", ".fit", ".tcx", ".kml")
    # systems, downloads that have not ended, copies, archives, programs
    + (".ini", ".db", ".db-wal", ".db-shm", ".sqlite", ".lnk", ".url", ".webloc", ".bak", ".tmp", ".temp", ".swp")
    + (".part", ".partial", ".crdownload", ".download", ".opdownload", ".torrent", ".aria2", ".ytdl", ".lock")
    + (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".md5", ".sha1", ".sha256", ".sfv", ".par2")
    + (".py", ".pyc", ".ipynb", ".sh", ".bat", ".ps1", ".js", ".css", ".exe", ".msi", ".dmg", ".apk")
    # data and models, this project's tables and bundles among them
    + (".parquet", ".arrow", ".feather", ".npy", ".npz", ".pkl", ".mat", ".h5", ".hdf5", ".keras", ".task", ".tflite")
    + (".onnx", ".pt", ".pth", ".ckpt", ".pb", ".pbtxt", ".index", ".tfrecord")
)
_NAMES = frozenset(("thumbs.db", "icon\r", "license", "readme", "makefile", "dockerfile", "md5sums", "sha256sums"))
# A SavedModel's variables, TensorBoard's logs.
_PATTERN = re.compile(r"\.data-\d{5}-of-\d{5}$|(^|\.)tfevents\.")
# Folders of the system: thumbnails of network disks, deleted files, what a Mac puts into archives.
_FOLDERS = frozenset(("@eadir", "$recycle.bin", "system volume information", "lost+found", "__macosx"))


def is_hidden(name: str) -> bool:
    """Whether a file or folder, by its own name, is hidden or the system's."""
    return name.startswith(".") or name.lower() in _FOLDERS


def is_other_file(name: str) -> bool:
    """Whether a file, by its name, is known to be no video.

    >>> [is_other_file(name) for name in ("a.mp4", "IMG_1.AAE", "desktop.ini", "clip")]
    [False, True, True, False]
    """
    lower = os.path.basename(name).lower()
    return os.path.splitext(lower)[1] in _SUFFIXES or lower in _NAMES or bool(_PATTERN.search(lower))
