"""What live and its server take where nothing else is asked for."""

import argparse
import os

# Trained on real clips and drawn athletes; see the MODEL_CARD.md in it.
DEFAULT_BUNDLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "default_bundle")


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Adds the flag --bundle."""
    parser.add_argument(
        "--bundle",
        default=DEFAULT_BUNDLE,
        help="folder that `python -m model train` wrote, local or gs:// (default: the one in this package)",
    )
