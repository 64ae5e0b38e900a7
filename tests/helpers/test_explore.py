"""The page of a training: what it contains, what it must not contain, what is refused."""

import base64
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from browsing import visiting, wait_until
from looking import centre, colours, drawn_z, finger_drag, settle
from PIL import Image

from vae_helpers import explore, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training on 130 pictures of noise in two folders, one epoch."""
    place = tmp_path_factory.mktemp("explore")
    rng = np.random.default_rng(0)
    for k in range(130):
        folder = place / "pictures" / ("a b" if k % 2 else "ü")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (12, 12, 3), "uint8")
        Image.fromarray(pixels).save(folder / f"{k}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)
        train.main(
            ["mmd_vae", str(place / "pictures"), "--size", "12", "--latent-dim", "4",
             "--epochs", "1", "--out", str(place / "run")]
        )  # fmt: skip
    return place


def state_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(
        re.search(r'<script type="application/json" id="state">(.*?)</script>', text)[1]
    )


@pytest.mark.slow
def test_a_training_becomes_one_small_file(trained, capsys):
    explore.main([str(trained / "run")])
    page = trained / "run" / "explorer.html"
    state = state_of(page)
    shown = len(state["points"]["marked"])
    assert 2 <= shown <= explore.PICTURES
    assert f"it contains {shown} of your pictures" in capsys.readouterr().out
    assert page.stat().st_size < 5_000_000
    assert state["panels"] == ["map", "walk", "pad"]
    assert set(state["points"]["class_names"]) == {"a b", "ü"}
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("pictures", [0, 1, 5, 10**6])
def test_it_contains_as_many_pictures_as_it_says(trained, tmp_path, pictures):
    path, n = explore.explore(trained / "run", pictures=pictures, out=tmp_path / "page.html")
    points = state_of(path)["points"]
    images = base64.b64decode(points["images"]["base64"])
    assert n == len(points["marked"]) == len(images) // (12 * 12 * 3)
    assert n <= pictures
    assert n == pictures or pictures > 5
    for codes in points["codes"]:
        assert len(base64.b64decode(codes["base64"])) == 2 * 4 * n
    data = explore.data_of(trained / "run", {"dataset": "pictures"}, None)
    wanted = np.rint(data.test_images[points["marked"]] * 255).astype("uint8")
    assert images == wanted.tobytes()


@pytest.mark.slow
def test_moved_pictures_can_be_named(trained, tmp_path):
    moved = tmp_path / "moved"
    (trained / "pictures").rename(moved)
    try:
        with pytest.raises(SystemExit, match=r"^explore: .*pictures does not exist"):
            explore.main([str(trained / "run"), "--out", str(tmp_path / "x.html")])
        explore.main(
            [str(trained / "run"), "--out", str(tmp_path / "x.html"), "--folder", str(moved)]
        )
    finally:
        moved.rename(trained / "pictures")


def test_a_folder_without_a_training_is_one_line(tmp_path):
    with pytest.raises(
        SystemExit, match=r"^explore: .* holds no finished trainings and not one; name the folder"
    ):
        explore.main([str(tmp_path)])
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(SystemExit, match="is damaged, or of another version"):
        explore.main([str(tmp_path)])


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_decodes_colours_as_keras_does_and_asks_nobody(chromium, trained, tmp_path):
    path, _ = explore.explore(trained / "run", out=tmp_path / "a page.html")
    model, _ = explore.load_training(trained / "run")
    # Nothing may leave the file, not even to this machine.
    with visiting(chromium, tmp_path.as_uri()) as visit:
        page = visit("a page.html")
        picture = page.locator(".pictures canvas.large[data-z]").first
        seen = []
        for key in ("Home", "End"):
            page.get_by_role("slider").first.press(key)
            settle(page)
            z = np.float32([drawn_z(page)])
            assert z.shape == (1, model.latent_dim)
            seen.append(colours(picture))
            np.testing.assert_allclose(seen[-1], model.decode(z)[0], atol=1.5 / 255)
        assert np.abs(seen[0] - seen[1]).max() > 5 / 255


@pytest.mark.slow
@pytest.mark.browser
def test_a_finger_moves_its_sliders_and_scrolls_on_their_tracks(chromium, trained, tmp_path):
    explore.explore(trained / "run", out=tmp_path / "page.html")
    size = {"width": 390, "height": 500}
    with visiting(chromium, tmp_path.as_uri()) as visit:
        page = visit("page.html", viewport=size, has_touch=True, is_mobile=True)
        page.wait_for_selector(".pictures canvas[data-z]")
        slider = page.locator("input[type=range]").nth(3)
        x, y = centre(slider)
        finger_drag(page, (x, y), (x + 40, y))
        settle(page)
        z = drawn_z(page)
        assert any(z)
        x, y = centre(slider)
        at = page.evaluate("scrollY")
        finger_drag(page, (x - 30, y), (x - 30, max(y - 150, 5)))
        wait_until(page, "at => Math.abs(scrollY - at) > 50", at)
        assert drawn_z(page) == z
