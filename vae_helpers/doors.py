"""The doors of a model: what Keras's methods are given is looked at before it disappears into a graph."""

import functools
import inspect

import keras
import numpy as np
import tensorflow as tf

from . import distributed
from .checks import check_images, check_input, check_number, refusing_values


class StopWhenNotFinite(keras.callbacks.Callback):
    """End a training whose loss has become NaN or infinite, saying where and what to try."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            # The loss of the very first batch is that of weights which no step has changed yet.
            first = self.model.optimizer.iterations <= 1
            raise FloatingPointError(
                f"the loss became {float(logs['loss'])} in epoch {self.epoch + 1}, batch {batch + 1}; "
                + ("look at the networks' outputs" if first else "try a smaller learning rate")
            )


def _by_name(method, *args, **kwargs):
    """A call's arguments without self, as {name: value}, also those that were given by position."""
    settings = dict(inspect.signature(method).bind(None, *args, **kwargs).arguments)
    del settings["self"]
    return settings | settings.pop("kwargs", {})


def _refuse_weights(settings, name):
    for weights in ("sample_weight", "class_weight"):
        if settings.get(weights) is not None:
            raise ValueError(f"{weights} of {name} would change nothing: each image counts once")


def _checking(name):
    """The method of ``keras.Model`` with that name, its images checked first."""
    method = getattr(keras.Model, name)

    @functools.wraps(method)
    def checked(self, *args, **kwargs):
        return self._checked(method, _by_name(method, *args, **kwargs))

    return checked


class Guarded(keras.Model):
    """A ``keras.Model`` of images [n, *image_shape] whose methods check what they are given.

    What would change nothing here, such as a loss or weights of samples, is refused by name.
    """

    def __init__(self, **kwargs):
        # A model that knows of a strategy gives Keras (3.15) a batch before the first step, which
        # shuffles the first pass otherwise, and is an error where shares differ in size. So it is made
        # where no strategy is known, and keeps the one of its scope itself.
        self._strategy = tf.distribute.get_strategy()
        with tf.Graph().as_default():
            super().__init__(**kwargs)

    @property
    def distribute_strategy(self):
        return self._strategy

    def __call__(self, images, *args, **kwargs):  # not in call, whose errors Keras wraps
        check_images(images, image_shape=self.image_shape)
        return super().__call__(images, *args, **kwargs)

    def compile(self, *args, **kwargs):
        """``keras.Model.compile``, without a loss: a model has its own."""
        settings = _by_name(keras.Model.compile, *args, **kwargs)
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if settings.get(name):
                raise ValueError(f"{name} would change nothing: a model's loss is its loss_terms")
        super().compile(**settings)
        # Keras would wait for the first step, and save or load the optimizer without its state before.
        if self.optimizer is not None:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config):
        """Without this Keras would not compile what it loads, since compile is not its own."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    def fit(self, *args, **kwargs):
        """``keras.Model.fit``; images are checked, and a loss that is not finite ends it."""
        settings = _by_name(keras.Model.fit, *args, **kwargs)
        settings.setdefault("shuffle", not isinstance(settings.get("x"), tf.data.Dataset))
        if settings.get(name := "validation_data") is not None:
            images, _, weights = keras.utils.unpack_x_y_sample_weight(settings[name])
            _refuse_weights({"sample_weight": weights}, name)
            images = check_input(images, name, self.image_shape)
            settings[name] = (distributed.deal_out(images, self.distribute_strategy, name),)
        callbacks = keras.tree.flatten(settings.get("callbacks") or [])
        settings["callbacks"] = [*callbacks, StopWhenNotFinite()]
        return self._checked(keras.Model.fit, settings)

    evaluate = _checking("evaluate")
    predict = _checking("predict")
    train_on_batch = _checking("train_on_batch")
    test_on_batch = _checking("test_on_batch")
    predict_on_batch = _checking("predict_on_batch")

    def export(self, *args, **kwargs):
        """``keras.Model.export``, also of a model that was never called."""
        images = keras.InputSpec(shape=(None, *self.image_shape), dtype="float32")
        settings = _by_name(keras.Model.export, *args, **kwargs)
        super().export(**{"input_signature": [images], **settings})

    def _checked(self, method, settings):
        _refuse_weights(settings, method.__name__)
        for setting in {"batch_size", "epochs"}.intersection(settings):
            if settings[setting] is not None:
                settings[setting] = check_number(settings[setting], setting, low=1, whole=True)
        x = settings.get("x")
        if method.__name__.endswith("_on_batch"):
            check_images(x, "x", self.image_shape)
            settings["x"] = tf.convert_to_tensor(x)
        else:
            x = check_input(x, "x", self.image_shape, settings)
            settings["x"] = distributed.deal_out(x, self.distribute_strategy, "x")
        with refusing_values():
            return method(self, **settings)
