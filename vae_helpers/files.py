"""Files that are written whole or not at all, and images that are read from one as they are needed."""

import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import tensorflow as tf

PREFIX = ".writing-"
ABANDONED = 3600  # seconds: nothing here goes so long without a sign of life


@contextmanager
def written_whole(path):
    """A temporary name beside ``path`` that takes its place at the end: all of a file or none of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, ABANDONED)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=path.parent) as folder:
        part = Path(folder) / path.name
        yield part
        part.replace(path)


def sweep(folder, seconds=0, pattern=f"{PREFIX}*"):
    """Remove what writers that were killed have left in a folder, if it is older than ``seconds``.

    Without an age only where nobody else can be writing.
    """
    for left in Path(folder).glob(pattern):
        with suppress(OSError):  # its writer lives and was faster, or it belongs to somebody else
            signs = [path.stat().st_mtime for path in (left, *left.iterdir())]
            if time.time() - max(signs) >= seconds:
                shutil.rmtree(left)


class StreamedImages:
    """Images in a file that stand for a float32 array [n, height, width, channels] in [0, 1].

    ``to_batches``, ``train`` and a model's ``fit``, ``evaluate``, ``predict`` and ``encode`` take them as
    they take arrays, and give the same numbers; only the batch at hand is in memory. A row, a slice or
    an array of positions is a float32 array; ``np.asarray`` reads all of them.

    Parameters
    ----------
    file : np.memmap or array, uint8 [m, height, width, channels]
    rows : positions in it [n], or None for all
    """

    dtype, ndim = np.dtype("float32"), 4

    def __init__(self, file, rows=None):
        self.file, self.rows = file, np.arange(len(file)) if rows is None else np.asarray(rows)

    @property
    def shape(self):
        return (len(self.rows), *self.file.shape[1:])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, which):
        return self.file[self.rows[which]].astype("float32") / 255

    def __array__(self, dtype=None, copy=None):
        return self[:].astype(dtype or self.dtype, copy=False)

    def first(self, n):
        """The first n of them (None: all), streamed like these."""
        return StreamedImages(self.file, self.rows[:n])

    def batches(self, batch_size, shuffle=False, seed=None):
        """``to_batches`` for these images, their order drawn from a seed of TensorFlow's."""
        return batched(tf.data.Dataset.range(len(self)), batch_size, shuffle, seed, self._read)

    def _read(self, which):
        images = tf.numpy_function(self.__getitem__, [which], tf.float32, stateful=False)
        return tf.ensure_shape(images, (None, *self.file.shape[1:]))


def batched(dataset, batch_size, shuffle=False, seed=None, read=None):
    """Batches of a tf.data.Dataset, in order or shuffled, through ``read`` if there is one, two in advance."""
    if shuffle:
        dataset = dataset.shuffle(dataset.cardinality(), seed=seed)
    dataset = dataset.batch(batch_size)
    if read is not None:
        dataset = dataset.map(read)
    # Nothing here needs tuning, and in TensorFlow 2.21 the end of an epoch can wait for the sleeping
    # tuner: seconds, and up to twice the epoch's own time.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)
