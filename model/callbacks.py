"""What happens after each epoch: progress is shown, and the best weights are written."""

import keras

from beam_jobs import progress


class Progress(keras.callbacks.Callback):
    """Shows how many epochs are done, with the loss and accuracy of the last one."""

    def __init__(self, epochs: int) -> None:
        """Shows nothing before training begins."""
        super().__init__()
        self._bar = progress.bar(epochs, "epochs")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Shows the epoch's loss and accuracy."""
        self._bar.update(1, _shown(logs or {}))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Ends the bar."""
        # Fewer epochs than at most: then nothing is left to do.
        self._bar.total = self._bar.done
        self._bar.close()


def _shown(logs: dict[str, float]) -> str:
    names = {
        "loss": "loss",
        "accuracy": "accuracy",
        "val_nll": "validation loss",
        "val_accuracy": "validation accuracy",
    }
    return ", ".join(f"{shown} {logs[name]:.3f}" for name, shown in names.items() if name in logs)


class Checkpoint(keras.callbacks.Callback):
    """Writes the network's weights whenever the validation loss is better than ever.

    Attributes:
      best_epoch: counted from 1, whose weights were written last; 0 while there is none.
    """

    def __init__(self, network: keras.Model, path: str, best: float) -> None:
        """`best` is the loss that must be beaten; infinite where there is none."""
        super().__init__()
        self._network, self._path, self._best = network, path, best
        self.best_epoch = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the weights where they are the best so far."""
        if (loss := (logs or {})["val_nll"]) < self._best:
            self._best, self.best_epoch = loss, epoch + 1
            self._network.save_weights(self._path)
