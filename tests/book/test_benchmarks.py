"""Benchmarks: that contestants do the same work, and that what is shown is what was recorded.

Nothing here depends on how fast anything is.
"""

import functools
import re
import sys
from types import SimpleNamespace

import make_readme
import numpy as np
import pytest
import recording
from checkout import ROOT, run

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
    return float(model.total(model.loss_terms(images)))


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


@pytest.mark.long
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


@pytest.mark.slow
@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    ("maker", "setting"),
    [
        ("book_fit", "vae_published"), ("original_manner", "float32"),
        ("cvae_tutorial", None), ("keras_example", None), pytest.param("torch_loop", False, marks=pytest.mark.long),
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

    @functools.wraps(compile_model)
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


def test_what_the_record_lacks_is_not_measured():
    page = make_readme.readme({})
    assert page.count(make_readme.NOT_MEASURED) == len(make_readme.SECTIONS)
    section = {"conditions": {**WHERE, "gpu": None}, "versions": {}, "results": {"01_data": 90.0}}
    page = make_readme.readme({"notebooks": section})
    assert page.count(make_readme.NOT_MEASURED) == len(make_readme.SECTIONS) - 1
    assert "| 01_data | 1.5 |" in page
    assert "2 × Some CPU" in page


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
@pytest.mark.book
def test_every_script_runs_and_the_page_shows_what_it_recorded(tmp_path):
    path = tmp_path / "bench.json"
    for script in ("training_speed", "explorer_speed", "book_speed"):
        run(sys.executable, ROOT / "benchmarks" / f"{script}.py", "--quick", "--record", path)
    record = recording.read_record(path)
    assert set(record) == set(make_readme.SECTIONS)
    assert_complete(record)
    assert "browser" in record["explorer"]["results"]["picture_ms"]
    assert make_readme.readme(record).count(make_readme.NOT_MEASURED) <= 2  # without PyTorch
