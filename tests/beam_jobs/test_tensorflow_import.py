"""TensorFlow without Keras: what is left out, and that nothing else differs."""

import pytest
from commands import run_python

BUNDLE = "live/default_bundle"
# Prints a hash of the default bundle's features and probabilities, and whether Keras was imported.
ANSWER = f"""
import hashlib, sys
import numpy as np
from beam_jobs import saved_model
random = np.random.default_rng(0)
loaded = saved_model.load("{BUNDLE}/transform_fn")
import tensorflow as tf
history = random.normal(size=(50, 8, 33, 3)).astype(np.float32)
history[random.random((50, 8)) < 0.2] = np.nan
times = np.tile(np.arange(8) * 66, (50, 1))
outputs = loaded.transform_fn({{"landmarks": tf.constant(history), "timestamp_ms": tf.constant(times)}})
windows = random.normal(size=(20, 34, 189)).astype(np.float32)
classifier = saved_model.load("{BUNDLE}/classifier")
probabilities = classifier.serve(tf.constant(windows))
numbers = [*(outputs[name].numpy() for name in sorted(outputs)), probabilities.numpy()]
print(hashlib.sha256(b"".join(one.tobytes() for one in numbers)).hexdigest())
print("keras" in sys.modules)
"""


@pytest.fixture(scope="module")
def with_keras() -> str:
    """The hash where Keras was imported by TensorFlow, as it always is."""
    answer, keras = run_python("import tensorflow\n" + ANSWER)
    assert keras == "True"
    return answer


@pytest.mark.slow
def test_a_graph_is_loaded_without_keras_and_says_the_same(with_keras):
    assert run_python(ANSWER) == [with_keras, "False"]


@pytest.mark.slow
def test_keras_can_be_imported_before(with_keras):
    assert run_python("import keras\n" + ANSWER) == [with_keras, "True"]


@pytest.mark.slow
def test_keras_can_be_imported_after_under_all_its_names(with_keras):
    after = """
from tensorflow.keras import layers
import keras
print(layers.Dense is keras.layers.Dense is tf.keras.layers.Dense, tf.optimizers.Adam is keras.optimizers.Adam)
import tcn
model = keras.Sequential([keras.Input((34, 189)), tcn.TCN(4, dilations=(1, 2)), layers.Dense(2)])
model.compile("adam", "mse")
model.fit(windows, np.zeros((20, 2)), verbose=0)
print(any(type(finder).__module__.startswith("beam_jobs") for finder in sys.meta_path))
"""
    assert run_python(ANSWER + after) == [with_keras, "False", "True True", "False"]


@pytest.mark.slow
def test_another_thread_may_import_keras_meanwhile(with_keras):
    threads = """
import threading
def import_keras():
    import keras
    print(keras.layers.Dense.__name__)
thread = threading.Thread(target=import_keras)
from beam_jobs import tensorflow_import
former = tensorflow_import._KerasLater.create_module
def create_module(self, spec):
    thread.start()
    thread.join(1)
    former(self, spec)
tensorflow_import._KerasLater.create_module = create_module
tensorflow_import.import_tensorflow()
thread.join()
"""
    assert run_python(threads + ANSWER) == ["Dense", with_keras, "True"]
