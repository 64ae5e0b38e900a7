"""Benchmarks: that contestants do the same work, and that what is shown is what was recorded.

Nothing here depends on how fast anything is.
"""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import make_readme
import numpy as np
import pytest
import recording
from checkout import ROOT

BATCH = 100
WHERE = {
    "date": "2026-01-02", "processor": "Some CPU", "cores": 2, "memory_gb": 8.0,
    "system": "Linux x86_64", "threads": {}, "load": 0.01,
}  # fmt: skip


# ---- the same work ----------------------------------------------------------------------------


@pytest.fixture
def published(fashion_mnist):
    """100 images and noise, and a VAE with that noise and the published loss.

    Its weights are those of the ELBO's VAE, trained: without training the output hardly depends on
    the code, and the published loss leaves clouds so small that a mistake in the noise would not show.
    """
    from vae_helpers.checkpoints import restore

    noise = np.random.default_rng(1).standard_normal((BATCH, 2)).astype("float32")
    model, _ = restore("vae", "fashion_mnist")
    model.beta = 1 / BATCH
    model.noise_like = lambda z: noise
    return SimpleNamespace(model=model, images=fashion_mnist.test_images[:BATCH], noise=noise)


def loss(model, images):
    return float(sum(model.loss_terms(images).values()))


def test_the_2018_loop_has_the_books_loss_times_the_batch_size(published):
    import contestants

    model = published.model
    theirs = contestants.original_loss(
        model.encoder, model.decoder, published.images, published.noise
    )
    assert float(theirs) == pytest.approx(BATCH * loss(model, published.images), rel=1e-4)


def test_the_cvae_tutorials_loop_has_the_loss_of_the_books_vae(published):
    import contestants

    model = published.model
    model.beta = 1.0
    theirs = contestants.tutorial_loss(
        model.encoder, model.decoder, published.images, published.noise
    )
    assert float(theirs) == pytest.approx(loss(model, published.images), rel=1e-4)


def test_pytorchs_network_has_as_many_parameters_and_the_same_loss(published):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: the extra bench")
    import torch_vae

    theirs = torch_vae.TorchVAE()
    assert sum(p.numel() for p in theirs.parameters()) == published.model.count_params()
    give_weights(published.model, theirs)
    theirs.decoder.append(Mirror())
    pictures = torch.from_numpy(published.images.transpose(0, 3, 1, 2).copy())
    found = theirs(pictures, torch.from_numpy(published.noise)).item()
    assert found == pytest.approx(loss(published.model, published.images), rel=1e-4)


def Mirror():
    import torch

    class Mirrored(torch.nn.Module):
        def forward(self, pictures):
            return pictures.flip(2, 3)

    return Mirrored()


def give_weights(model, theirs):
    """Keras's weights in PyTorch's layouts; the decoder's mirrored, see ``torch_vae``."""
    import torch

    encoder, decoder = (
        [w.numpy() for w in part.trainable_weights] for part in (model.encoder, model.decoder)
    )
    encoder[0], encoder[2] = (encoder[i].transpose(3, 2, 0, 1) for i in (0, 2))
    # Ours flattens rows, columns, channels; theirs channels, rows, columns.
    encoder[4] = encoder[4].reshape(6, 6, 64, 4).transpose(3, 2, 0, 1).reshape(4, -1)
    mirrored = decoder[0].reshape(2, 7, 7, 32)[:, ::-1, ::-1]
    decoder[0] = mirrored.transpose(3, 1, 2, 0).reshape(-1, 2)
    decoder[1] = decoder[1].reshape(7, 7, 32)[::-1, ::-1].transpose(2, 0, 1).reshape(-1)
    for i in (2, 4, 6):
        decoder[i] = decoder[i][::-1, ::-1].transpose(3, 2, 0, 1)
    with torch.no_grad():
        for parameter, value in zip(theirs.parameters(), encoder + decoder, strict=True):
            parameter.copy_(torch.from_numpy(value.copy()))


def test_keras_ios_network_has_the_parameters_that_its_page_prints():
    import contestants

    model = contestants.KerasExample()
    assert model.encoder.count_params() == 69_076
    assert model.decoder.count_params() == 65_089


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    ("maker", "setting"),
    [
        ("book_fit", "vae_published"), ("original_manner", "float32"),
        ("cvae_tutorial", None), ("keras_example", None), ("torch_loop", False),
    ],
)  # fmt: skip
def test_a_contestants_pass_trains(maker, setting, images, monkeypatch):
    """Its weights move, every one of them."""
    import keras
    import training_speed

    if maker == "torch_loop":
        weights = torch_weights(monkeypatch)
    else:
        weights = keras_weights(monkeypatch, keras)
    epoch = training_speed.contestant(maker, setting)(images)
    before = weights()
    epoch()
    after = weights()
    assert len(before) >= 12
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def keras_weights(monkeypatch, keras):
    """A function that gives what the optimizer that the contestant makes has to train."""
    made = []
    adam = keras.optimizers.Adam

    class Watched(adam):
        def build(self, variables):
            made.extend(variables)
            super().build(variables)

    monkeypatch.setattr(keras.optimizers, "Adam", Watched)
    models = []
    compile_model = keras.Model.compile

    def watched_compile(model, *arguments, **settings):
        models.append(model)
        compile_model(model, *arguments, **settings)

    monkeypatch.setattr(keras.Model, "compile", watched_compile)
    return lambda: [np.array(v) for v in (models[0].trainable_weights if models else made)]


def torch_weights(monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed: the extra bench")
    import torch_vae

    made, network = [], torch_vae.TorchVAE

    def watched():
        made.append(network())
        return made[0]

    monkeypatch.setattr(torch_vae, "TorchVAE", watched)
    return lambda: [p.detach().numpy().copy() for p in made[0].parameters()]


# ---- the limit ---------------------------------------------------------------------------------


def test_the_timed_kernels_are_those_of_the_published_networks():
    import limits

    from vae_helpers.networks import build_decoder, build_encoder

    networks = [*build_encoder(4).layers, *build_decoder(2).layers]
    with_kernels = [layer for layer in networks if layer.weights]
    names = [*limits.CONVOLUTIONS, *limits.DENSE]
    names = sorted(names, key=lambda name: ("decoder" in name, "dense" in name))
    names.insert(3, names.pop())  # the decoder begins with its dense layer
    kernels = limits.kernels(batch=3)
    assert len(kernels) == 3 * len(with_kernels) - 1
    for name, layer in zip(names, with_kernels, strict=True):
        assert kernels[name, "forward"]().shape[1:] == layer.output.shape[1:], name
        assert kernels[name, "filter gradient"]().shape == layer.kernel.shape, name
        if name != limits.NO_INPUT_GRADIENT:
            assert kernels[name, "input gradient"]().shape[1:] == layer.input.shape[1:], name


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("rung", ["WithoutTrackers", "WithoutLoss", "WithoutBiasesAndReLUs"])
def test_each_rung_of_the_ladder_still_runs_every_kernel(rung, images):
    """Every kernel gets a gradient: a layer that fell out of the graph would look fast."""
    import limits

    model = getattr(limits, rung)()
    kernels = [w for w in model.trainable_weights if w.shape.rank > 1]
    before = [w.numpy() for w in kernels]
    assert len(kernels) == 7
    model.compile("adam")
    model.fit(limits.one_batch_again_and_again(images, 50, steps=2), verbose=0)
    assert not any(np.array_equal(a, b.numpy()) for a, b in zip(before, kernels, strict=True))


def test_the_shares_add_up_to_a_whole_step():
    import limits

    steps = {"nothing": 30.0, "input": 28.0, "metrics": 28.5, "loss": 25.0}
    rows = limits.shares(steps, 22.0, 30.0)
    assert [row["ms"] for row in rows] == [2.0, -0.5, 3.5, 3.0, 22.0]
    assert sum(row["share"] for row in rows) == pytest.approx(1.0, abs=0.003)


def test_batches_by_index_are_the_chapters_batches(images):
    import limits

    from vae_helpers.data import to_batches

    ours, theirs = to_batches(images, 100, seed=3), limits.batches_by_index(images, 100, seed=3)
    for _ in range(2):  # the order is another one in each pass
        pairs = list(zip(ours, theirs, strict=True))
        assert [len(batch) for batch, _ in pairs] == [100, 100, 50]
        for a, b in pairs:
            np.testing.assert_array_equal(a, b)


# ---- turns and spreads -------------------------------------------------------------------------


def test_contestants_take_turns_after_one_warm_up_each():
    calls = []
    found = recording.in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert [len(times) for times in found.values()] == [3, 3]


def test_a_spread_is_median_smallest_and_largest():
    assert recording.spread([3.0, 1.0, 10.0]) == {
        "median": 3.0,
        "min": 1.0,
        "max": 10.0,
        "rounds": 3,
    }


# ---- the record and what is made from it -------------------------------------------------------


def assert_complete(record):
    for name, section in record.items():
        assert name in make_readme.SECTIONS
        assert set(section) == {"conditions", "versions", "results"}
        assert {*WHERE, "gpu"} <= set(section["conditions"]), name
        assert {"python", "tensorflow", "keras"} <= set(section["versions"]), name
        assert section["results"], name


def test_every_section_of_the_record_says_on_what_it_was_measured():
    assert_complete(recording.read_record())


def test_the_readme_is_what_the_record_gives():
    wanted = make_readme.readme(recording.read_record())
    assert make_readme.README.read_text() == wanted, "python benchmarks/make_readme.py"


def test_a_section_is_written_with_its_conditions_and_the_others_are_kept(tmp_path):
    path = tmp_path / "bench.json"
    recording.write_section(path, "notebooks", WHERE, {"01_data": 61.0})
    recording.write_section(path, "build", WHERE, {"cold": recording.spread([60.0])})
    recording.write_section(path, "notebooks", WHERE, {"01_data": 59.0})
    record = recording.read_record(path)
    assert list(record) == ["notebooks", "build"]
    assert record["notebooks"]["results"] == {"01_data": 59.0}
    assert_complete(record)
    assert [p.name for p in tmp_path.iterdir()] == ["bench.json"]


def test_a_quick_run_keeps_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(recording, "RECORD", tmp_path / "bench.json")
    for arguments, kept in ((["--quick"], False), ([], True)):
        monkeypatch.setattr(sys, "argv", ["some_speed.py", *arguments])
        chosen = recording.options("Some speed.")
        recording.write_section(chosen.record, "notebooks", WHERE, {"01_data": 1.0})
        assert (tmp_path / "bench.json").exists() == kept


def test_what_the_record_lacks_is_not_measured():
    page = make_readme.readme({})
    assert page.count(make_readme.NOT_MEASURED) == len(make_readme.SECTIONS)
    section = {"conditions": {**WHERE, "gpu": None}, "versions": {}, "results": {"01_data": 90.0}}
    page = make_readme.readme({"notebooks": section})
    assert page.count(make_readme.NOT_MEASURED) == len(make_readme.SECTIONS) - 1
    assert "| 01_data | 1.5 |" in page
    assert "2 × Some CPU" in page


def test_what_had_to_be_skipped_is_not_measured():
    speed = {"batch": 100, "images_per_second": recording.spread([3000.0])}
    assert (
        make_readme.training({"this book's fit, VAE": speed}).count(make_readme.NOT_MEASURED) == 2
    )  # PyTorch's
    times = {"picture_ms": {"kernel": recording.spread([7.0])},
             "grid_ms": {w: recording.spread([9.0]) for w in ("one call", "256 calls")}}  # fmt: skip
    assert make_readme.explorer(times).count(make_readme.NOT_MEASURED) == 2  # the browser's


def made_up_record(gpu):
    """Every section, as the scripts write them."""
    one, kernel = recording.spread, {"layer": "encoder, dense", "what": "forward"}
    memory = {"memory_mb": 1234, **({"gpu_memory_mb": 4321} if gpu else {})}
    fit = {"model": "VAE", "latent_dim": 8, "batch": 300, "images_per_second": one([2222.0])}
    results = {
        "training": {"PyTorch, eager": {"batch": 100, "images_per_second": one([2700.0, 2600.0])}},
        "limits": {
            "batch": 100,
            "kernels_ms": [{**kernel, **one([0.25])}],
            "limit_ms": one([24.0]),
            "ladder_ms": [{"without": "nothing", **one([32.0, 30.0, 31.0])}],
            "shares": [{"what": "metrics", "ms": -0.1, "share": -0.003}],
            "settings_ms": [{"setting": "steps_per_execution=50", **one([29.0])}],
        },
        "growth": {
            "training": [{**fit, **memory}],
            "mmd": [{"codes": 10_000, "latent_dim": 64, "ms": one([900.0]), **memory,
                     "n_m_d_mb": 25_600}],
        },
        "gpu": [{"model": "VAE", "batch": 100, "steps_per_execution": 10, "xla": True,
                 "images_per_second": one([30_000.0])}],
        "explorer": {
            "picture_ms": {"browser": one([5.0]), "kernel": one([9.0])},
            "grid_ms": {"one call": one([20.0]), "256 calls": one([900.0])},
        },
        "notebooks": {"01_data": 90.0},
        "build": {"cold": one([720.0]), "warm": one([42.0, 40.0, 41.0])},
        "pages": {"book/index.html": {"bytes": 1_500_000, "compressed_bytes": 300_000,
                                      "ready_ms": one([800.0])}},
    }  # fmt: skip
    where = {**WHERE, "gpu": "Some GPU" if gpu else None}
    versions = {"python": "3", "tensorflow": "2", "keras": "3", "torch": "2.13"}
    return {
        name: {"conditions": where, "versions": versions, "results": found}
        for name, found in results.items()
    }


@pytest.mark.parametrize("gpu", [True, False])
def test_every_section_is_shown_with_its_figures(gpu):
    record = made_up_record(gpu)
    assert set(record) == set(make_readme.SECTIONS)
    assert_complete(record)
    page = make_readme.readme(record)
    for figure in (
        "| PyTorch, eager | 100 | 2,650 | 2,600 … 2,700 |", "| metrics | -0.10 | -0.3 % |",
        "3,333 of at most 4,167 images/s, or **0.80 of the limit**", "| as it is | 30.0 | 31.0 | 32.0 |",
        "| encoder, dense | 0.25 | – | – |", "| VAE | 8 | 300 | 2,222 |", "| 10,000 | 64 | 900 |",
        "| VAE | 100 | 10 | yes | 30,000 |", "One call is 45 times as fast", "| 01_data | 1.5 |",
        "| cold | 12.0 |", "| book/index.html | 1.50 | 0.30 |", "PyTorch 2.13",
    ):  # fmt: skip
        assert figure in page
    assert ("| 1,234 | 4,321 |" in page) == gpu == ("Some GPU" in page)
    # Left out of the record above: the compiled PyTorch and the slowed-down browser.
    assert page.count(make_readme.NOT_MEASURED) == 2
    for line in re.findall(r"^\|.*\|$", page, re.M):
        assert "None" not in line
        assert "nan" not in line


@pytest.mark.parametrize(("load", "marked"), [(0.02, False), (0.6, True)])
def test_figures_of_a_busy_machine_are_marked(load, marked):
    section = {"conditions": {**WHERE, "gpu": None, "load": load}, "versions": {}}
    assert ("not to be quoted" in make_readme.conditions(section)) == marked


@pytest.mark.parametrize("measured", [True, False])
def test_the_books_page_shows_the_minutes_of_the_record(measured, tmp_path, monkeypatch):
    page = (ROOT / "book" / "running.md").read_text()
    cells = re.findall(r"```{code-cell}\n:tags: .*?\n\n(.*?)```", page, re.S)
    (cell,) = [cell for cell in cells if "bench.json" in cell]
    for folder in ("book", "benchmarks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    if measured:
        recording.write_section(
            tmp_path / "benchmarks" / "bench.json", "notebooks", WHERE, {"02_vae": 90.0}
        )
    monkeypatch.chdir(tmp_path / "book")
    shown = []
    exec(cell, {"Markdown": shown.append, "display": lambda *parts: None})
    text = "\n".join(shown)
    assert bool(text) == measured
    assert ("| 2. The standard VAE | 1.5 |" in text) == measured
    assert ("2 cores of Some CPU" in text) == measured


@pytest.mark.long
@pytest.mark.browser
def test_every_script_runs_and_the_page_shows_what_it_recorded(tmp_path):
    path = tmp_path / "bench.json"
    for script in ("training_speed", "limits", "growth", "gpu_speed", "explorer_speed",
                   "book_speed"):  # fmt: skip
        command = [
            sys.executable,
            ROOT / "benchmarks" / f"{script}.py",
            "--quick",
            "--record",
            path,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
    record = json.loads(path.read_text())
    assert {"training", "limits", "growth", "explorer", "notebooks", "pages"} <= set(record)
    assert_complete(record)
    assert "browser" in record["explorer"]["results"]
    page = make_readme.readme(record)
    for text, _ in (make_readme.SECTIONS[name] for name in record):
        assert f"{text}\n\n{make_readme.NOT_MEASURED}" not in page
