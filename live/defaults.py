"""What live uses where nothing else is asked for."""

import os

# Trained on real clips and drawn athletes; see the MODEL_CARD.md in it.
DEFAULT_BUNDLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "default_bundle")
