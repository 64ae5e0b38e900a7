"""Training on several devices, of one machine or several: their shares of a batch count as one batch.

Under ``tf.distribute.MirroredStrategy`` (and ``MultiWorkerMirroredStrategy``) every device, a *replica*,
has a copy of the weights and runs ``train_step`` on its share of each batch; the optimizer adds up the
replicas' gradients. Let n_r of the batch's n images be replica r's, and L_r its loss. A mean over images
splits, if each share is weighed:

    Σ_r (n_r / n) · L_r = the loss of the whole batch

The MMD does not split: it compares every code with every other one. So a loss that needs the codes of
the whole batch calls ``self.gather(z)``, which is z itself on one device. What is computed from
gathered codes is the same on each replica, and the same weights suit it. Gathering does not break the
gradient: its backward pass gives each replica the sum, over all replicas, of the derivatives by its
codes. And noise is drawn for the whole batch on each replica, which takes its own rows.

The page "More than one device, more than one machine" of the book goes through this step by step.
"""

import contextlib
import contextvars
import functools
import os
from typing import NamedTuple

import tensorflow as tf

STRATEGIES = ("mirrored", "multi-worker")


class Share(NamedTuple):
    """Which of the batch's ``total`` images are this replica's: from ``start`` on, ``count`` of them."""

    start: tf.Tensor
    count: tf.Tensor
    total: tf.Tensor

    def weigh(self, loss):
        """This share's part of the batch's loss: n_r / n of it, all of it on one device."""
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
    if (share := _current.get()) is None:
        raise RuntimeError(
            "on several devices the codes are gathered in train_step and test_step only"
        )
    gathered = replica.all_gather(values[: share.count], axis=0)
    return tf.ensure_shape(gathered, [None, *values.shape[1:]])


def own_rows(draw, like):
    """The rows that this replica needs, as many as ``like`` has, of what is drawn for the whole batch.

    ``draw`` makes an array of the shape that it is given; the same one on every replica.
    """
    shape, share = tf.shape(like), _current.get()
    if share is None:
        return draw(shape)
    rows = draw(tf.concat([[share.total], shape[1:]], axis=0))
    # An empty share has one row all the same.
    return rows[tf.minimum(share.start, share.total - 1) :][: shape[0]]


def scope(strategy):
    """Where a model must be built and compiled that is to be trained with ``strategy``.

    Parameters
    ----------
    strategy : None; "mirrored": all GPUs of this machine, or all its CPU devices if it has none (with
        one there is nothing to mirror); or "multi-worker": all machines of which ``TF_CONFIG`` tells,
        to be called before TensorFlow has computed anything.

    Raises
    ------
    ValueError
        Another word, or no ``TF_CONFIG``.
    """
    if strategy not in (None, *STRATEGIES):
        raise ValueError(f"strategy must be None, 'mirrored' or 'multi-worker', not {strategy!r}")
    if strategy == "multi-worker":
        if "worker" not in os.environ.get("TF_CONFIG", ""):
            raise ValueError(
                "strategy 'multi-worker' needs TF_CONFIG, which names all who take part"
            )
        return _strategy(tf.distribute.MultiWorkerMirroredStrategy).scope()
    devices = tf.config.list_logical_devices
    if strategy is None or len(devices("GPU") or devices("CPU")) == 1:
        return contextlib.nullcontext()
    return _strategy(tf.distribute.MirroredStrategy).scope()


# One in a process: two would number their collective operations alike, and mix them up.
_strategy = functools.cache(lambda kind: kind())


# ---- several machines ---------------------------------------------------------------------------


def several_machines(strategy=None):
    strategy = strategy or tf.distribute.get_strategy()
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def writes_results(model):
    """Whether this process is the only one, or the one of several that writes files."""
    return model.distribute_strategy.extended.should_checkpoint


def check_agreement(strategy, number, what):
    """Refuse a number that is not the same on all machines."""
    if several_machines(strategy):
        all_of_them = strategy.gather(tf.constant([number]), axis=0)
        if len(found := set(all_of_them.numpy().tolist())) > 1:
            raise ValueError(f"{what} differ between the machines: {found}")


@contextlib.contextmanager
def saying_who_is_lost(strategy):
    """One line on the machines that are left, when one of several has ended."""
    try:
        yield
    except tf.errors.OpError as error:  # of one kind or another, by how it is noticed
        if not several_machines(strategy):
            raise
        raise ConnectionError(
            "another machine has ended, or cannot be reached; the same command on each goes on after the "
            f"last finished epoch ({next(iter(error.message.splitlines()), '')[:80]})"
        ) from error


def deal_out(batches, strategy, name):
    """On several machines, of batches that all make alike, each replica's share; else all of them."""
    if not several_machines(strategy) or isinstance(batches, tf.distribute.DistributedDataset):
        return batches
    if not isinstance(batches, tf.data.Dataset):
        raise TypeError(f"on several machines {name} must be batches, made alike on all of them")

    def of_this_machine(context):
        replicas = context.num_replicas_in_sync
        here = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * here

        def shares(images, *labels):
            n = tf.shape(images, out_type=tf.int64)[0]
            of = tf.data.Dataset.range(first, first + here)
            return of.map(lambda r: images[n * r // replicas : n * (r + 1) // replicas])

        # Without the number of batches Keras would warn that they ran out.
        known = tf.data.experimental.assert_cardinality(here * batches.cardinality())
        return batches.flat_map(shares).apply(known)

    return strategy.distribute_datasets_from_function(of_this_machine)


def as_log(value):
    """What ``fit`` takes for a step's value: of several machines an array of one (keras issue 20585)."""
    return value[None] if several_machines() else value
