"""Training on several devices of one machine: their shares of a batch count as one batch.

Under ``tf.distribute.MirroredStrategy`` every device, a *replica*, has a copy of the weights and runs
``train_step`` on its share of each batch; the optimizer adds up the replicas' gradients. Let n_r of the
batch's n images be replica r's, and L_r its loss. A mean over images splits, if each share is weighed:

    Σ_r (n_r / n) · L_r = the loss of the whole batch

The MMD does not split: it compares every code with every other one. So a loss that needs the codes of
the whole batch calls ``self.gather(z)``, which is z itself on one device. What is computed from
gathered codes is the same on each replica, and the same weights suit it. Gathering does not break the
gradient: its backward pass gives each replica the sum, over all replicas, of the derivatives by its
codes. And noise is drawn for the whole batch on each replica, which takes its own rows.

The page "More than one GPU" of the book goes through this step by step.
"""

import contextlib
import contextvars
import functools
from typing import NamedTuple

import tensorflow as tf

STRATEGIES = ("mirrored",)


class Share(NamedTuple):
    """Which of the batch's ``total`` images are this replica's: from ``start`` on, ``count`` of them."""

    start: tf.Tensor
    count: tf.Tensor
    total: tf.Tensor

    def weigh(self, loss):
        """This share's part of the batch's loss: n_r / n of it, all of it on one device."""
        if self.count is self.total:
            return loss
        return tf.cast(self.count / self.total, loss.dtype) * loss


# A replica's step is traced in a thread of its own, so each finds its own share here.
_current = contextvars.ContextVar("share of the batch", default=None)


@contextlib.contextmanager
def share_of_batch(images):
    """Within it ``gather`` and ``own_rows`` know the share. Gives the images, and their ``Share``.

    A share can be empty, which convolutions may refuse: one image of zeros then takes its place, and
    weighs nothing.
    """
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        n = tf.shape(images)[0]
        yield images, Share(0, n, n)
        return
    counts = replica.all_gather(tf.shape(images)[:1], axis=0)
    number = replica.replica_id_in_sync_group
    share = Share(tf.reduce_sum(counts[:number]), counts[number], tf.reduce_sum(counts))
    # Not with tf.pad: oneDNN fuses it with a convolution and forgets the batch's dimension.
    extra = tf.zeros([tf.cast(share.count == 0, tf.int32), *images.shape[1:]], images.dtype)
    before = _current.set(share)
    try:
        yield tf.concat([images, extra], axis=0), share
    finally:
        _current.reset(before)


def gather(values):
    """The rows [n, …] of all replicas, in the batch's order; on one device ``values`` themselves."""
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    gathered = replica.all_gather(values[: _share().count], axis=0)
    return tf.ensure_shape(gathered, [None, *values.shape[1:]])


def shape_of_all(values):
    """The shape [n, …] of all replicas' values together."""
    share = _current.get()
    if share is None:
        return tf.shape(values)
    return tf.concat([[share.total], tf.shape(values)[1:]], axis=0)


def own_rows(values, like):
    """This replica's part of rows [n, …] of the whole batch: as many as ``like`` has."""
    share = _current.get()
    if share is None:
        return values
    # An empty share has one row all the same.
    return values[tf.minimum(share.start, share.total - 1) :][: tf.shape(like)[0]]


def _share():
    if (share := _current.get()) is None:
        raise RuntimeError(
            "on several devices the codes are gathered in train_step and test_step only"
        )
    return share


def check_training_step(model, expected):
    """Refuse several devices for a training step about which nothing is known here."""
    if (
        model.distribute_strategy.num_replicas_in_sync > 1
        and type(model).train_step is not expected
    ):
        raise ValueError(
            f"{type(model).__name__} has a training step of its own; several devices are supported for "
            "models that are trained by Autoencoder.train_step"
        )


def scope(strategy):
    """Where a model must be built and compiled that is to be trained with ``strategy``.

    Parameters
    ----------
    strategy : None, or "mirrored": all GPUs of this machine, or all its CPU devices if it has none.
        With one device there is nothing to mirror, and both are the same.

    Raises
    ------
    ValueError
        Another word.
    """
    if strategy not in (None, *STRATEGIES):
        raise ValueError(f"strategy must be None or 'mirrored', not {strategy!r}")
    if strategy is None:
        return contextlib.nullcontext()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return _mirrored_strategy().scope() if len(devices) > 1 else contextlib.nullcontext()


@functools.cache
def _mirrored_strategy():
    # One in a process: two would number their collective operations alike, and mix them up.
    return tf.distribute.MirroredStrategy()
