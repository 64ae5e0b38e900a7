"""The shipped trainings: complete, free of code, and as good as their records say."""

import itertools
import json
import shutil
import subprocess

import h5py
import keras
import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics.pairwise import rbf_kernel

from vae_helpers import checkpoints, measures
from vae_helpers.checkpoints import RUNS
from vae_helpers.data import DIGESTS
from vae_helpers.faces import draw_faces
from vae_helpers.family import CapacityVAE, ContinuousBernoulliVAE, GaussianVAE, VampPriorVAE
from vae_helpers.models import MMDVAE, VAE, InfoVAE
from vae_helpers.results import digest_of_images

SHIPPED = [
    *[
        (run, dataset)
        for dataset in ("fashion_mnist", "mnist")
        for run in ("vae_published", "vae", "mmd_vae")
    ],
    *[
        (run, "fashion_mnist")
        for run in (
            "autoencoder", "mmd_vae_bernoulli", "mmd_vae_stochastic", "vae_vamp_prior",
            "vae_continuous_bernoulli", "vae_gaussian", "vae_capacity", "vae_8d", "mmd_vae_8d",
        )
    ],
]  # fmt: skip
FACES = [(run, "faces") for run in ("vae_published", "vae", "mmd_vae")]
# What a model's file holds beside its networks' weights.
ALSO = {"vae_vamp_prior": 100 * 784, "vae_gaussian": 1, "vae_capacity": 1}
DECODERS = [("vae_published", "fashion_mnist"), ("mmd_vae", "fashion_mnist")]

every_run = pytest.mark.parametrize(("run", "dataset"), SHIPPED)
every_face = pytest.mark.parametrize(("run", "dataset"), FACES)


# ---- what a run is ---------------------------------------------------------------------------


def test_the_runs_are_the_books_models():
    squared, nats = {"likelihood": "squared_error"}, {"likelihood": "bernoulli"}
    expected = {
        "vae_published": (VAE, {"beta": 0.01}),
        "vae": (VAE, {"beta": 1.0}),
        "mmd_vae": (MMDVAE, {"mmd_weight": 1.0}),
        "autoencoder": (MMDVAE, {"mmd_weight": 0.0}),
        "mmd_vae_bernoulli": (InfoVAE, {"alpha": 1.0, "lambda_": 2215.0, **nats}),
        "mmd_vae_stochastic": (InfoVAE, {"alpha": 1.0, "lambda_": 1.0, **squared}),
        "vae_capacity": (CapacityVAE, {"gamma": 100.0, "capacity": 10.0, "steps": 15_000}),
        "vae_vamp_prior": (VampPriorVAE, {"pseudo_inputs": 100, "beta": 1.0}),
        "vae_continuous_bernoulli": (ContinuousBernoulliVAE, {"beta": 1.0}),
        "vae_gaussian": (GaussianVAE, {"beta": 1.0}),
        "vae_8d": (VAE, {"beta": 1.0, "latent_dim": 8}),
        "mmd_vae_8d": (MMDVAE, {"mmd_weight": 1.0, "latent_dim": 8}),
        **{f"vae_beta_{b:g}": (VAE, {"beta": b}) for b in (0.03, 0.1, 0.3, 3.0, 10.0, 30.0)},
    }
    assert expected.keys() <= checkpoints.RUNS.keys()
    for run, (kind, settings) in expected.items():
        model = checkpoints.build(run)
        assert type(model) is kind
        assert settings.items() <= model.get_config().items()


@pytest.mark.parametrize(
    "call", [checkpoints.restore, checkpoints.read_record, checkpoints.snapshots]
)
def test_an_unknown_run_is_refused_with_the_names_there_are(call):
    with pytest.raises(ValueError, match="unknown run 'gan'; there are 'vae_published', 'vae'"):
        call("gan", "mnist")


def test_a_list_of_names_is_refused_as_an_unknown_run():
    with pytest.raises(ValueError, match=r"unknown run \['vae'\]; there are"):
        checkpoints.restore(["vae"], "mnist")


@pytest.mark.parametrize(
    "call", [checkpoints.restore, checkpoints.read_record, checkpoints.snapshots]
)
def test_a_run_that_is_not_shipped_is_an_error_that_names_the_shipped_ones(call):
    with pytest.raises(FileNotFoundError) as caught:
        call("autoencoder", "mnist")
    message = str(caught.value)
    assert "'autoencoder' on 'mnist'" in message
    assert "mmd_vae-fashion_mnist" in message


def test_the_error_says_how_to_train_what_is_not_shipped():
    with pytest.raises(
        FileNotFoundError, match=r"vae_helpers\.train autoencoder mnist, .*load_weights"
    ):
        checkpoints.restore("autoencoder", "mnist")


def test_restore_gives_the_record_of_the_run_that_was_asked_for():
    _, record = checkpoints.restore("mmd_vae", "mnist")
    assert (record["settings"]["run"], record["settings"]["dataset"]) == ("mmd_vae", "mnist")


def test_an_unknown_data_set_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="unknown data set 'emnist'; there are 'fashion_mnist'"):
        checkpoints.restore("vae", "emnist")


def test_saved_weights_leave_the_optimizer_out(tmp_path):
    model = MMDVAE()
    model.compile(keras.optimizers.Adam())
    model.fit(np.zeros((10, 28, 28, 1), "float32"), verbose=0)
    checkpoints.save_weights(model, tmp_path / "bare.weights.h5")
    assert numbers_in(tmp_path / "bare.weights.h5") == 23_426 + 41_953
    again = MMDVAE()
    again.load_weights(tmp_path / "bare.weights.h5")
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- what is shipped -------------------------------------------------------------------------


def numbers_in(path):
    """How many numbers an HDF5 file holds in all."""
    count = 0

    def add(name, item):
        nonlocal count
        assert "optimizer" not in name
        if isinstance(item, h5py.Dataset):
            assert item.dtype == np.float32
            count += item.size

    with h5py.File(path) as file:
        file.visititems(add)
    return count


def test_nothing_but_the_runs_of_this_book_is_shipped():
    there = {path.name for path in checkpoints.SHIPPED.iterdir() if not path.name.startswith(".")}
    expected = {
        f"{run}-{dataset}.{kind}"
        for run, dataset in SHIPPED + FACES
        for kind in ("weights.h5", "npz", "json")
    }
    assert there == expected | {"SHA256SUMS"}


def test_the_digests_are_those_that_sha256sum_would_find():
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"],
        cwd=checkpoints.SHIPPED, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(": OK") == 3 * len(SHIPPED + FACES)


@pytest.mark.parametrize("kind", ["weights.h5", "npz", "json"])
@pytest.mark.parametrize(
    "harm", ["a bit flipped", "cut short", "swapped", "removed", "not in the list", "no list"]
)
def test_a_shipped_file_that_was_altered_is_refused(tmp_path, monkeypatch, kind, harm):
    shutil.copytree(checkpoints.SHIPPED, tmp_path / "shipped")
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path / "shipped")
    path = checkpoints.shipped_file("vae", "mnist", kind)
    content = bytearray(path.read_bytes())
    if harm == "a bit flipped":
        content[len(content) // 2] ^= 1
    elif harm == "cut short":
        content = content[:-1]
    elif harm == "swapped":
        content = (path.parent / f"vae-fashion_mnist.{kind}").read_bytes()
    elif harm == "no list":
        (path.parent / "SHA256SUMS").unlink()
    elif harm == "not in the list":
        sums = path.parent / "SHA256SUMS"
        kept = [line for line in sums.read_text().splitlines() if not line.endswith(path.name)]
        sums.write_text("\n".join(kept))
    path.write_bytes(content)
    if harm == "removed":
        path.unlink()
    look = {"weights.h5": checkpoints.restore, "npz": checkpoints.snapshots}
    with pytest.raises(ValueError, match=rf"vae-mnist.{kind} is not the file that this book ships"):
        look.get(kind, checkpoints.read_record)("vae", "mnist")


@every_run
def test_a_shipped_run_holds_weights_only(run, dataset):
    encoder = 23_426 if run in ("mmd_vae", "autoencoder", "mmd_vae_8d") else 28_036
    networks = encoder + 41_953
    if run.endswith("_8d"):  # six dimensions more: outputs of the encoder, inputs of the decoder
        networks += 6 * ((1 if run == "mmd_vae_8d" else 2) * 2305 + 1568)
    found = numbers_in(checkpoints.SHIPPED / f"{run}-{dataset}.weights.h5")
    assert found == networks + ALSO.get(run, 0)


@every_run
def test_a_shipped_run_holds_no_pickle(run, dataset):
    arrays = checkpoints.snapshots(run, dataset)  # refuses pickles
    assert all(array.dtype in (np.float16, np.int64) for array in arrays.values())
    json.loads((checkpoints.SHIPPED / f"{run}-{dataset}.json").read_text())


@every_run
def test_a_shipped_run_was_trained_with_the_published_settings(run, dataset):
    epochs = RUNS[run].epochs
    record = checkpoints.read_record(run, dataset)
    settings = record["settings"]
    assert (settings["run"], settings["dataset"]) == (run, dataset)
    assert (settings["batch_size"], settings["learning_rate"]) == (100, 1e-4)
    assert settings["train_images"] is None
    assert isinstance(settings["seed"], int)
    assert record["data_sha256"] == DIGESTS[dataset]
    assert {"tensorflow", "keras", "numpy"} <= set(record["versions"])

    history = record["history"]
    assert [row["epoch"] for row in history] == list(range(1, epochs + 1))
    model = checkpoints.build(run)
    terms, reported = set(model.summands), {*model.summands, *model.reported}
    for row in history:
        assert set(row) == {"epoch", "seconds", "loss"} | reported
        assert row["loss"] == pytest.approx(sum(row[term] for term in terms), rel=1e-5)
        assert row["seconds"] > 0
    assert history[-1]["loss"] < 0.98 * history[0]["loss"]
    assert set(record["test"]) == {"1", "10", str(epochs)}


@every_face
def test_the_models_of_faces_are_what_their_records_say(run, dataset):
    model, record = checkpoints.restore(run, dataset)
    settings = record["settings"]
    assert (settings["run"], settings["dataset"], settings["seed"]) == (run, dataset, 0)
    assert (settings["batch_size"], settings["learning_rate"]) == (100, 1e-3)
    assert [row["epoch"] for row in record["history"]] == list(range(1, 16))
    faces = draw_faces().data
    assert settings["data_sha256"] == record["data_sha256"] == digest_of_images(faces.train_images)
    said = record["test"]["15"]
    assert measures.squared_error(model, faces.test_images) == pytest.approx(
        said["squared_error"], rel=1e-3
    )
    codes = checkpoints.snapshots(run, dataset)["codes"]
    np.testing.assert_allclose(
        codes[-1], model.encode(faces.test_images[:2000]), rtol=1e-3, atol=2e-3
    )


def last_of(record):
    """What was measured on test images after the last epoch."""
    return record["test"][str(record["epochs"])]


@every_run
def test_a_shipped_model_has_the_test_loss_that_its_record_says(shipped, run, dataset):
    run = shipped(run, dataset)
    said = last_of(run.record)
    for name in ("loss", "reconstruction"):
        assert run.test_terms[name] == pytest.approx(said[name], rel=1e-3)


@every_run
def test_a_hand_computation_finds_the_same_test_loss(shipped, run, dataset):
    """Other noise, NumPy and SciPy instead of the package's losses."""
    run = shipped(run, dataset)
    model, images, said = run.model, run.data.test_images, last_of(run.record)
    rng = np.random.default_rng(0)
    z = outputs = model.encoder.predict(images, batch_size=1000, verbose=0).astype("float64")
    d = model.latent_dim
    if outputs.shape[1] == 2 * d:
        mean, spread = outputs[:, :d], np.exp(outputs[:, d:] / 2)
        z = mean + spread * rng.standard_normal(mean.shape)
    decoded = model.decoder.predict(z, batch_size=1000, verbose=0).astype("float64")
    assert reconstruction_by_hand(model, images, decoded) == pytest.approx(
        said["reconstruction"], rel=5e-3
    )
    assert said["loss"] == pytest.approx(
        sum(said[term] for term in ("reconstruction", "divergence", "mmd") if term in said),
        rel=1e-5,
    )
    if isinstance(model, CapacityVAE):
        kl = 0.5 * (mean**2 + spread**2 - 1 - 2 * np.log(spread)).sum(axis=1)
        assert kl.mean() == pytest.approx(said["kl"], rel=1e-3)
        # A mean over batches of |KL − C|, which is at least that of the means.
        assert said["divergence"] >= 0.999 * model.gamma * abs(said["kl"] - model.capacity)
    elif isinstance(model, VAE):
        log_ratio = stats.norm.logpdf(z, mean, spread).sum(axis=1) - log_prior(model, z)
        assert model.beta * log_ratio.mean() == pytest.approx(said["divergence"], rel=0.02)
    else:
        assert said.get("divergence", 0) == 0  # the shipped InfoVAEs have α = 1
        prior = rng.standard_normal(z.shape)
        mmd = [
            rbf_kernel(x, gamma=1 / d**2).mean()
            + rbf_kernel(y, gamma=1 / d**2).mean()
            - 2 * rbf_kernel(x, y, gamma=1 / d**2).mean()
            for x, y in zip(np.split(z, 100), np.split(prior, 100), strict=True)
        ]
        standard_error = model.mmd_weight * np.std(mmd) / np.sqrt(len(mmd))
        expected = model.mmd_weight * np.mean(mmd)
        # The record's mean over 100 batches scatters as this one does.
        assert abs(said["mmd"] - expected) <= 6 * standard_error + 1e-9


def reconstruction_by_hand(model, images, decoded):
    if isinstance(model, GaussianVAE):
        sigma = np.exp(float(model.pixel_logvar) / 2)
        return -stats.norm.logpdf(images, decoded, sigma).sum(axis=(1, 2, 3)).mean()
    if model.decoder_output == "pixels":
        return np.mean((images - decoded) ** 2)
    pixels = images * special.log_expit(decoded) + (1 - images) * special.log_expit(-decoded)
    if isinstance(model, ContinuousBernoulliVAE):
        pixels += np.log(decoded / np.tanh(decoded / 2))
    return -pixels.sum(axis=(1, 2, 3)).mean()


def log_prior(model, z):
    """log p(z) by hand: N(0, I), or the mixture of the pseudo-inputs' clouds."""
    if not model.learns_prior:
        return stats.norm.logpdf(z).sum(axis=1)
    mean, logvar = np.split(model.encoder(model.pseudo_images()).numpy().astype("float64"), 2, 1)
    logs = stats.norm.logpdf(z[:, None], mean, np.exp(logvar / 2)).sum(axis=2)
    return special.logsumexp(logs, axis=1) - np.log(len(mean))


@every_run
def test_a_shipped_models_measures_are_those_of_its_record(shipped, run, dataset):
    run = shipped(run, dataset)
    said, found = last_of(run.record), run.measures
    spread = np.sqrt(np.diag(said["code_cov"]))
    np.testing.assert_allclose(found["code_mean"], said["code_mean"], atol=1e-3 * spread.max())
    np.testing.assert_allclose(found["code_cov"], said["code_cov"], atol=2e-3 * spread.max() ** 2)
    assert found["mmd_to_prior"] == pytest.approx(said["mmd_to_prior"], abs=2e-4)
    assert found["knn_accuracy"] == pytest.approx(said["knn_accuracy"], abs=3e-3)
    assert found["squared_error"] == pytest.approx(said["squared_error"], rel=1e-3)


@every_run
def test_a_shipped_model_reconstructs_and_sorts_far_better_than_an_untrained_one(
    shipped, run, dataset
):
    model = checkpoints.build(run)
    run = shipped(run, dataset)
    images = run.data.test_images[:500]
    untrained = np.mean((images - model.predict(images, verbose=0)) ** 2)
    assert run.measures["squared_error"] < 0.35 * untrained
    assert run.measures["knn_accuracy"] > 0.55


@every_run
def test_the_snapshots_end_with_the_shipped_model(shipped, run, dataset):
    restored = shipped(run, dataset)
    snapshots = restored.snapshots
    last = RUNS[run].epochs
    kept = [epoch for epoch in (0, 1, 10, 20, 30, 40, 50) if epoch < last]
    assert snapshots["epochs"].tolist() == [*kept, last]
    codes = snapshots["codes"]
    assert (codes.shape, codes.dtype) == (
        (len(kept) + 1, 2000, restored.model.latent_dim),
        np.float16,
    )
    # float16 keeps eleven bits.
    np.testing.assert_allclose(codes[-1], restored.test_codes[:2000], rtol=1e-3, atol=1e-3)
    for earlier, later in itertools.pairwise(codes):
        assert np.abs(later.astype("float32") - earlier).mean() > 0.01

    decoders = {name: array for name, array in snapshots.items() if name.startswith("decoder")}
    if (run, dataset) not in DECODERS:
        assert not decoders
        return
    final = restored.model.decoder.get_weights()
    assert set(decoders) == {f"decoder_{i}" for i in range(len(final))}
    for i, weights in enumerate(final):
        kept = decoders[f"decoder_{i}"]
        assert (kept.shape, kept.dtype) == ((7, *weights.shape), np.float16)
        np.testing.assert_allclose(kept[-1], weights, rtol=1e-3, atol=1e-6)
        assert not np.array_equal(kept[0], kept[-1])


def test_the_mmd_vaes_codes_follow_the_prior_and_the_published_vaes_do_not(shipped):
    mmd_vae, published = (
        shipped("mmd_vae", "fashion_mnist"),
        shipped("vae_published", "fashion_mnist"),
    )
    assert np.abs(mmd_vae.measures["code_mean"]).max() < 0.15
    np.testing.assert_allclose(np.diag(mmd_vae.measures["code_cov"]), 1, atol=0.2)
    assert mmd_vae.measures["mmd_to_prior"] < 0.005
    assert np.linalg.norm(published.measures["code_mean"]) > 1
    assert np.sqrt(np.diag(published.measures["code_cov"])).min() > 1.5
    assert published.measures["mmd_to_prior"] > 10 * mmd_vae.measures["mmd_to_prior"]
