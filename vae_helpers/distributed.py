"""Training on several devices of one machine: their shares of a batch count as one batch.

Under ``tf.distribute.MirroredStrategy`` every device, a *replica*, has a copy of the weights and runs
``train_step`` on its share of each batch; the optimizer adds up the replicas' gradients. A mean over
images can be split so. The MMD cannot: it compares every code with every other one. So the codes of
all replicas are gathered where they leave the encoder, and each replica decodes its own share again:
``loss_terms`` stays as the chapters show it, and what it computes from codes it computes from all.

Let n_r of the batch's n images be replica r's, and L_r be the sum of its loss terms. Terms of decoded
images are means over the n_r, terms of codes are the same on each replica. Either way

    Σ_r (n_r / n) · L_r = the loss of the whole batch

So replica r's gradient is scaled by n_r / n, and the sum is the whole batch's gradient, shares of
different sizes and empty ones included. Gathering does not break this: its backward pass gives each
replica the sum, over all replicas, of the derivatives by its codes.

The page "More than one GPU" of the book goes through this step by step.
"""

import contextlib
import functools

import tensorflow as tf

from .models import Autoencoder

STRATEGIES = ("mirrored",)


def scope(strategy):
    """Where a model must be built and compiled that is to be trained with ``strategy``.

    Parameters
    ----------
    strategy : None, or "mirrored": all GPUs of this machine, or all its CPU devices if it has none.
        With one device there is nothing to mirror, and both are the same.

    Raises
    ------
    ValueError  another word
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


def mirrored(model):
    """Let ``model`` count the batches of all replicas as one; changes and returns it.

    A model that was built for one device is left as it is.

    Raises
    ------
    ValueError  the model has a training step of its own, about which nothing is known here
    """
    if model.distribute_strategy.num_replicas_in_sync == 1:
        return model
    kind = type(model)
    if kind.train_step is not Autoencoder.train_step:
        raise ValueError(
            f"{kind.__name__} has a training step of its own; several devices are supported for "
            "models that are trained by Autoencoder.train_step"
        )
    # The same weights, under the same names: a training can go on with more devices or fewer.
    model.__class__ = type(kind.__name__, (_Mirrored, kind), {})
    return model


class _Mirrored:
    """Goes before a model's class: what differs when it has but a share of the batch."""

    def loss_terms(self, images, training=False):
        replica = tf.distribute.get_replica_context()
        share = _Share(self, images, replica)
        terms = super().loss_terms.__func__(share, images, training)
        # The value stays what it is, to be reported; the gradient is scaled.
        return {
            name: share.weight * term + tf.stop_gradient((1.0 - share.weight) * term)
            for name, term in terms.items()
        }

    def observe(self, images, **values):
        # An empty share's mean is 0/0. It weighs nothing, but NaN times nothing is NaN.
        some = tf.shape(images)[0] > 0
        means = {name: tf.where(some, tf.reduce_mean(v), 0.0) for name, v in values.items()}
        return super().observe(images, **means)

    def _maybe_symbolic_build(self, *args, **kwargs):
        # Under a strategy Keras takes a batch here, to build what is not built yet. Of this model that
        # is the optimizer alone, which needs no batch. Taking one would make the training's first
        # pass over the images a second one, shuffled otherwise, and Keras 3.15 cannot take one whose
        # shares differ in size.
        if self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)


class _Share:
    """A replica's model as ``loss_terms`` sees it: its codes are those of the whole batch."""

    def __init__(self, model, images, replica):
        self.model, self.replica = model, replica
        counts = replica.all_gather(tf.shape(images)[:1], axis=0)
        number = replica.replica_id_in_sync_group
        self.start, self.count = tf.reduce_sum(counts[:number]), counts[number]
        self.weight = tf.cast(self.count / tf.reduce_sum(counts), tf.float32)

    def encoder(self, images, training=False):
        """Codes of all replicas' images, in the batch's order: [n, outputs]."""
        codes = self.run(self.model.encoder, images, training)
        gathered = self.replica.all_gather(codes, axis=0)
        return tf.ensure_shape(gathered, [None, codes.shape[1]])

    def decoder(self, z, training=False):
        """What this replica's codes among z [n, latent_dim] decode to: [n_r, 28, 28, 1]."""
        return self.run(self.model.decoder, z[self.start : self.start + self.count], training)

    def run(self, network, rows, training):
        # Convolutions can fail on a batch of nothing: an empty share sends a row of zeros through.
        # (Not with tf.pad: oneDNN fuses it with a convolution and forgets the batch's dimension.)
        extra = tf.zeros([tf.cast(self.count == 0, tf.int32), *rows.shape[1:]])
        return network(tf.concat([rows, extra], axis=0), training=training)[: self.count]

    def __getattr__(self, name):
        return getattr(self.model, name)
