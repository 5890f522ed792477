"""The job `explore`: what is in its page. python -m pytest tests/worker/test_exploration.py"""

import base64
import io
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn
from PIL import Image

from lib.common.errors import Interrupted, RunFailed, UserError
from lib.data.user_images import UserImages
from lib.models.saving import model_files
from lib.runs.events import Note
from lib.tasks.pixels import to_float, to_uint8
from lib.worker.exploration import encoded_images, job, page
from lib.worker.exploration.sprite_sheets import MAX_PIXELS, make_sheets, make_thumbnails, thumbnail_size
from lib.worker.explore_messages import DEFAULT_PROJECTIONS, PROJECTIONS, Explore
from lib.worker.html_pages import html_page
from tests.harness import sample_files
from tests.harness.in_process_worker import RecordingChannel
from tests.worker.test_foreign_models import dense, saved, write_images
from tests.worker.test_model_jobs import COLOR, GRAY, run_job, save_autoencoder

PCA = {"projection": ("pca",)}


def explore(models: list[str], data: str, channel=None, **options):
    """The result of the job, and the data of its page."""
    result = run_job(Explore, models, channel, **{"data": data, "output": "page.html"} | PCA | options)
    return result, page_data(result.file)


def page_data(path: str) -> dict:
    text = Path(path).read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def integers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<u4")


def pictures(sheets: dict) -> np.ndarray:
    """All cells of sheets, uint8 (n, height, width, 1 or 3)."""
    cells = []
    for uri in sheets["files"]:
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
            sheet = np.asarray(image.convert("RGB"))
        height, width = sheets["cellHeight"], sheets["cellWidth"]
        for top in range(0, sheet.shape[0], height):
            for left in range(0, sheet.shape[1], width):
                cells.append(sheet[top : top + sheets["height"], left : left + sheets["width"]])
    return np.stack(cells)


def parts(path: str) -> tuple[keras.Model, keras.Model, keras.Model]:
    model = model_files.load_model(Path(path))
    return model, model.get_layer("encoder"), model.get_layer("decoder")


@pytest.mark.parametrize("latent", [{"latent_dim": 5}, {"latent_dim": 5, "regularization": "kl"}, {}])
def test_the_page_has_pictures_reconstructions_errors_and_neighbors_of_all_images(tiny, latent):
    models = save_autoencoder(**latent)
    result, data = explore(models, tiny["-t"])
    images = sample_files.shapes(80)[0][60:, ..., None]
    model, encoder, _ = parts(models[0])
    outputs = model.predict(to_float(images), verbose=0)
    codes = encoder.predict(to_float(images), verbose=0)
    codes = (codes[0] if isinstance(codes, list | tuple) else codes).reshape(20, -1)
    assert data["count"] == result.count == 20
    assert data["outputName"] == "reconstruction"
    assert np.array_equal(pictures(data["inputs"])[:20, ..., :1], images)
    assert np.abs(pictures(data["outputs"])[:20, ..., :1].astype(int) - to_uint8(outputs)).max() <= 1
    errors = np.square(outputs - to_float(images)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(floats(data["errors"]), errors, rtol=1e-4)
    distances = np.linalg.norm(codes[:, None] - codes[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    shown = floats(data["neighborDistances"]).reshape(20, -1)
    assert shown.shape[1] == data["neighbors"] == page.NEIGHBORS
    np.testing.assert_allclose(shown, np.sort(distances)[:, : page.NEIGHBORS], rtol=1e-3, atol=1e-3)
    neighbors = integers(data["neighborPositions"]).reshape(20, -1)
    of_neighbors = np.take_along_axis(distances, neighbors.astype(int), axis=1)
    np.testing.assert_allclose(of_neighbors, shown, rtol=1e-3, atol=1e-3)


def test_codes_of_two_numbers_are_shown_themselves_over_a_decoded_grid(tiny):
    models = save_autoencoder(latent_dim=2)
    result, data = explore(models, tiny["-t"])
    _, encoder, decoder = parts(models[0])
    codes = encoder.predict(to_float(sample_files.shapes(80)[0][60:, ..., None]), verbose=0)
    (view,) = data["projections"]
    assert view["isCode"]
    np.testing.assert_allclose(floats(view["positions"]).reshape(20, 2), codes, atol=1e-5)
    grid = data["grid"]
    assert result.is_decoded
    assert result.decoded == f"a grid of {grid['columns']}×{grid['rows']} codes"
    assert max(grid["columns"], grid["rows"]) == 40
    row, column = grid["rows"] - 1, grid["columns"] // 2
    code = [
        grid["left"] + (column + 0.5) * grid["cellWidth"],
        grid["top"] - (row + 0.5) * grid["cellHeight"],
    ]
    expected = to_uint8(decoder.predict(np.array([code], np.float32), verbose=0))[0]
    shown = pictures(data["decoded"])[row * grid["columns"] + column, ..., :1]
    assert np.abs(shown.astype(int) - expected).max() <= 1
    low = [grid["left"], grid["top"] - grid["rows"] * grid["cellHeight"]]
    high = [grid["left"] + grid["columns"] * grid["cellWidth"], grid["top"]]
    assert (codes >= np.array(low) - 1e-3).all()
    assert (codes <= np.array(high) + 1e-3).all()


def test_codes_of_one_number_have_a_row_of_decoded_codes(tiny):
    _, data = explore(save_autoencoder(latent_dim=1), tiny["-t"])
    assert data["projections"][0]["title"] == "latent code (heights are random)"
    assert (data["grid"]["rows"], data["grid"]["columns"], data["grid"]["dimensions"]) == (1, 40, 1)


@pytest.mark.parametrize("latent", [{"latent_dim": 5}, {}])
def test_longer_codes_are_decoded_along_principal_directions(tiny, latent):
    models = save_autoencoder(**latent)
    result, data = explore(models, tiny["-t"])
    _, encoder, decoder = parts(models[0])
    codes = encoder.predict(to_float(sample_files.shapes(80)[0][60:, ..., None]), verbose=0)
    rows = codes.reshape(20, -1).astype(np.float64)
    directions = data["directions"]
    count, steps = len(directions["shares"]), directions["steps"]
    assert f"{count} principal directions, 11 steps each, around the mean and" in result.decoded
    _, spreads, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(directions["spreads"], spreads[:count] / np.sqrt(19), rtol=1e-3)
    shown = pictures(data["decoded"])

    def picture(center: int, direction: int, step: int) -> np.ndarray:
        return shown[(center * count + direction) * len(steps) + step, ..., :1].astype(int)

    def decode(code: np.ndarray) -> np.ndarray:
        code = code.reshape(1, *decoder.input_shape[1:]).astype(np.float32)
        return to_uint8(decoder.predict(code, verbose=0))[0].astype(int)

    # --- the middle is the center: the mean, or an image that has a code
    middle = steps.index(0)
    assert np.abs(picture(0, 1, middle) - decode(rows.mean(axis=0))).max() <= 1
    for number, index in enumerate(directions["centers"], start=1):
        assert np.abs(picture(number, 0, middle) - decode(rows[index])).max() <= 1
    # --- the ends, up to the sign of a direction
    moved = steps[-1] * directions["spreads"][0] * axes[0]
    ends = {tuple(decode(rows.mean(axis=0) + sign * moved).flat) for sign in (1, -1)}
    for step in (0, -1):
        end = picture(0, 0, step % len(steps))
        assert min(np.abs(end.flat - np.array(one)).max() for one in ends) <= 1
    # --- the nearest center
    centers = rows[directions["centers"]]
    nearest = np.linalg.norm(rows[:, None] - centers[None], axis=-1)
    chosen = np.take_along_axis(nearest, np.array(directions["nearest"])[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(chosen, nearest.min(axis=1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({"task": "denoise", "skip": True}, GRAY),
        ({"task": "denoise", "residual": True}, GRAY),
        ({"task": "colorize"}, COLOR),
        ({"task": "complete", "missing": "top"}, GRAY),
        ({"task": "complete", "missing": "center"}, GRAY),
    ],
)
def test_models_of_all_tasks_and_those_whose_decoder_needs_more_than_a_code(values, image):
    images = sample_files.shapes(8, 24, 20, channels=3)[0]
    Path("own").mkdir()
    for number, array in enumerate(images):
        Image.fromarray(array).save(f"own/{number}.png")
    channel = RecordingChannel()
    models = save_autoencoder(image=image, **values)
    result, data = explore(models, "own", channel)
    assert data["count"] == 8
    assert data["labels"] is None
    assert data["outputName"] == "output"
    bypasses = any(values.get(name) for name in ("skip", "residual"))
    assert result.is_decoded == (data["decoded"] is not None) == (not bypasses)
    if bypasses:
        assert "the decoder needs more than a latent code" in data["refusal"]
        assert data["refusal"] == result.decoded
        assert Note(data["refusal"]) in channel.events


def test_a_model_from_elsewhere_with_a_named_layer():
    models = saved(dense())
    write_images()
    result, data = explore(models, "images.npy", encoder_layer="middle")
    assert result.shape == [5]
    assert data["directions"]


def test_a_sample_is_random_in_order_and_follows_its_seed():
    images, labels = sample_files.shapes(200)
    np.savez("many.npz", images=images, labels=labels)
    models = save_autoencoder()
    first, again, other = (
        explore(models, "many.npz", limit=30, seed=seed, output=f"{number}.html")[1]
        for number, seed in enumerate((3, 3, 4))
    )
    assert first == again | {"title": first["title"]}
    assert first["names"] == sorted(first["names"])
    assert len({*first["names"]}) == 30
    assert int(first["names"][-1]) > 100  # not the first ones
    assert first["names"] != other["names"]
    positions = [int(name) - 1 for name in first["names"]]
    assert np.array_equal(pictures(first["inputs"])[:30, ..., 0], images[positions])
    assert np.array_equal(integers(first["labels"]), labels[positions])


def test_large_codes_make_the_sample_smaller(tiny, monkeypatch):
    monkeypatch.setattr(encoded_images, "MAX_CODE_BYTES", 4 * 60 * 7)
    channel = RecordingChannel()
    result, _ = explore(save_autoencoder(latent_dim=60), tiny["-t"], channel)
    assert result.count == 7
    notes = [event.text for event in channel.events if isinstance(event, Note)]
    assert any("a random sample of 7 of 20 images, whose codes of 60 numbers need" in note for note in notes)


def test_selected_user_images_are_those_of_all_that_were_selected():
    Path("own").mkdir()
    for number in range(9):
        Image.new("L", (10, 12), 20 * number).save(f"own/{number}.png")
    user_images = UserImages("own", GRAY)
    user_images.select(np.array([1, 4, 6, 8]))
    user_images.select(np.array([0, 2, 3]))
    ((positions, images),) = user_images.chunks()
    assert user_images.names == ["1.png", "6.png", "8.png"]
    assert [path.name for path in user_images.paths] == user_images.names
    assert images[:, 0, 0, 0].tolist() == [20, 120, 160]
    assert positions.tolist() == [0, 1, 2]


def test_names_of_pictures_and_classes_are_text_and_the_page_reaches_nothing_else():
    hostile = "</script><img src=x onerror=alert(1)>"
    for number, name in enumerate(("<b>one", "two\u2028\x1b[2J", "$&</script>")):
        folder = Path("own", hostile.replace("/", "∕")) if number else Path("own", "plain")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sample_files.shapes(3)[0][number]).save(folder / f"{name.replace('/', '∕')}.png")
    result, data = explore(save_autoencoder(), "own")
    text = Path(result.file).read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script>") == 2
    assert "\x1b" not in text
    assert not re.search(r"https?:|[\"'(]//", text)
    assert any("<b>one" in name for name in data["names"])
    assert "default-src 'none'" in text


def test_json_of_a_page_cannot_end_its_script():
    text = html_page("t", "", "", "", ["</script>", "<!--", "\u2028", "&amp;"])
    inside = re.search(r'id="data">(.*?)</script>', text)[1]
    assert not set("<>&\u2028") & set(inside)
    assert json.loads(inside) == ["</script>", "<!--", "\u2028", "&amp;"]


def test_nothing_is_written_where_a_page_is_or_an_error_occurs(tiny):
    models = save_autoencoder()
    Path("page.html").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"page.html exists already; choose another --output"):
        explore(models, tiny["-t"])
    assert Path("page.html").read_text(encoding="utf-8") == "mine"
    with pytest.raises(UserError, match=r"the name must end in .html"):
        explore(models, tiny["-t"], output="page.txt")
    np.save("two.npy", sample_files.shapes(2)[0])
    with pytest.raises(UserError, match="2 images cannot show a latent space; it requires 3 at least"):
        explore(models, "two.npy", output="new/page.html")
    np.save("equal.npy", np.zeros((5, 12, 10), np.uint8))
    with pytest.raises(UserError, match=r"the latent codes of all images of equal.npy are equal"):
        explore(models, "equal.npy", output="new/page.html")
    np.save("odd.npy", np.zeros((5, 9, 9), np.uint8))
    with pytest.raises(UserError, match="the images are 9×9×1, the model takes 12×10×1"):
        explore(models, "odd.npy", output="new/page.html")
    with pytest.raises(UserError, match=r"is not a complete autoencoder .* which explore requires"):
        explore(["ae/encoder.h5"], tiny["-t"], output="new/page.html")
    assert not Path("new").exists()


def test_codes_that_are_no_numbers_are_refused(tiny, monkeypatch):
    models = save_autoencoder()
    monkeypatch.setattr(
        encoded_images.inference, "predict", lambda model, inputs, labels: np.full((len(inputs), 6), np.nan)
    )
    with pytest.raises(RunFailed, match="returns NaN, infinity or values beyond"):
        explore(models, tiny["-t"])
    assert not Path("page.html").exists()


def test_pictures_that_cannot_be_read_are_left_out():
    Path("own").mkdir()
    for number, array in enumerate(sample_files.shapes(5)[0]):
        Image.fromarray(array).save(f"own/{number}.png")
    Path("own/3.png").write_text("no picture")
    result, data = explore(save_autoencoder(), "own")
    assert data["names"] == ["0.png", "1.png", "2.png", "4.png"]
    assert list(result.problems) == ["3.png"]


def test_ctrl_c_skips_slow_projections_and_keeps_the_images_that_are_done(tiny, monkeypatch):
    monkeypatch.setattr("lib.data.user_images.CHUNK_SIZE", 4)
    models = save_autoencoder(latent_dim=4)
    result, data = explore(models, tiny["-t"], RecordingChannel(8), projection=("t-sne",))
    assert data["count"] == 8
    assert [view["title"].split(",")[0] for view in data["projections"]] == ["PCA"]
    assert result.missing == "8 of 20 images are finished; t-SNE was skipped"
    with pytest.raises(Interrupted, match="nothing was written"):
        explore(models, tiny["-t"], RecordingChannel(0), output="other.html")
    assert not Path("other.html").exists()


def test_default_projections_are_registered():
    assert tuple(job.projections.PROJECTIONS) == PROJECTIONS
    assert set(DEFAULT_PROJECTIONS) <= set(PROJECTIONS)


@settings(max_examples=25)
@given(drawn.arrays(np.uint8, st.tuples(*map(st.integers, (1, 1, 1), (40, 60, 60)), st.sampled_from([1, 3]))))
def test_sheets_of_any_pictures_show_them_again(images):
    sheets = make_sheets(images).to_json()
    shown = pictures(sheets)[: len(images)]
    assert shown.shape[:3] == images.shape[:3]
    if "jpeg" not in sheets["files"][0][:20]:
        assert np.array_equal(shown, np.broadcast_to(images, shown.shape))


def test_photographs_are_stored_as_jpeg_without_colors_of_their_neighbors():
    rows, columns = np.mgrid[:30, :30] / 30
    noise = np.random.default_rng(0).normal(0, 12, (64, 30, 30, 3))
    smooth = np.stack([rows, columns, rows * columns], axis=-1)
    images = np.clip(255 * (np.arange(64)[:, None, None, None] % 2) * smooth + noise + 40, 0, 255)
    images = images.astype(np.uint8)
    sheets = make_sheets(images).to_json()
    assert sheets["files"][0].startswith("data:image/jpeg")
    assert (sheets["cellWidth"], sheets["cellHeight"]) == (32, 32)
    error = np.abs(pictures(sheets)[:64].astype(int) - images)
    assert error[:, :, -1].mean() < 1.5 * error.mean() + 1  # the edge to the next picture


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 50_000))
def test_small_pictures_are_those_of_the_model_or_smaller(height, width, count):
    size = thumbnail_size(height, width, count)
    assert all(1 <= small <= side for small, side in zip(size, (height, width), strict=True))
    assert max(size) <= 128
    assert max(size) <= 32 or size[0] * size[1] * count <= 1.1 * MAX_PIXELS
    assert thumbnail_size(*size, count) == size


def test_reduced_pictures_are_means():
    image = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1) * 4
    reduced = make_thumbnails(image, (4, 4))
    means = image.reshape(1, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    assert np.abs(reduced - means).max() <= 1
