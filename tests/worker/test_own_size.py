"""`apply` to pictures at their own size. python -m pytest tests/worker/test_own_size.py"""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.data.unscaled_pictures import load_unscaled
from lib.runs.events import Note
from lib.tasks.pixels import rgb_to_luma, to_float
from lib.worker import own_size_files
from lib.worker.comparison_page import ComparedPicture, comparison_page
from lib.worker.messages import Apply
from lib.worker.output_names import output_names
from tests.harness.in_process_worker import RecordingChannel
from tests.worker.test_model_jobs import read_csv, run_job, save_autoencoder

PROFILE = b"profile" * 20


@pytest.fixture
def own() -> dict[str, np.ndarray]:
    """Pictures in the folder `own`, and the upright pixels of each output by its name."""
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (5, 4, 3), np.uint8)).resize(
        (61, 47), Image.Resampling.BICUBIC
    )
    Path("own/sub").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    smooth.save("own/<b>&.jpg", quality=95, exif=exif, icc_profile=PROFILE, subsampling=2)
    transparent = smooth.copy()
    transparent.putalpha(Image.fromarray(np.arange(47 * 61, dtype=np.uint8).reshape(47, 61) | 128))
    transparent.save("own/sub/a.png")
    smooth.convert("L").save("own/a.bmp")
    Path("own/broken.jpg").write_text("no picture")
    gray = np.asarray(smooth.convert("L").convert("RGB"))
    return {"<b>&.jpg": np.asarray(smooth), "sub/a.png": np.asarray(smooth), "a.png": gray}


@pytest.mark.parametrize(
    "values",
    [
        {"task": "denoise"},
        {"task": "colorize", "color_space": "yuv"},
        {"task": "colorize", "latent_dim": 2, "skip": False},
        {"task": "complete", "missing": "left"},  # of odd width
    ],
    ids=lambda values: values["task"],
)
def test_pictures_come_back_at_their_own_size_and_format(own, values):
    models = save_autoencoder(image=(16, 12, 3), layers=2, **values)
    originals = {path: path.read_bytes() for path in Path("own").rglob("*.*")}
    done = run_job(Apply, models=models, data="own")
    assert (done.own_size, list(done.problems)) == (True, ["broken.jpg"])
    assert {path: path.read_bytes() for path in Path("own").rglob("*.*")} == originals
    outputs = Path("ae/applied/pictures")
    assert {path.relative_to(outputs).as_posix() for path in outputs.rglob("*.*")} == set(own)
    with Image.open(outputs / "<b>&.jpg") as jpeg, Image.open(outputs / "sub/a.png") as png:
        assert (jpeg.format, jpeg.size, png.size) == ("JPEG", (47, 61), (61, 47))  # turned
        assert jpeg.info["icc_profile"] == PROFILE
        assert dict(jpeg.getexif()) == {0x010F: "camera"}
        assert np.array_equal(np.asarray(png)[..., 3].ravel(), np.arange(47 * 61, dtype=np.uint8) | 128)
    given = load_unscaled(Path("own/sub/a.png"), 3).pixels
    with Image.open(outputs / "sub/a.png") as png:
        pixels = np.asarray(png)[..., :3]
    if values["task"] == "complete":
        assert np.array_equal(pixels[:, 31:], given[:, 31:])
        assert not np.array_equal(pixels[:, :30], given[:, :30])
    if values["task"] == "colorize":
        inside = (pixels > 0).all(axis=-1) & (pixels < 255).all(axis=-1)
        luma = [rgb_to_luma(to_float(image))[inside] for image in (pixels, given)]
        assert np.abs(luma[0] - luma[1]).max() < 0.01
    table = {row["picture"]: float(row["mse"]) for row in read_csv("ae/applied/errors.csv")}
    if values["task"] == "denoise":
        error = np.square(to_float(pixels) - to_float(given)).mean()
        assert table["sub/a.png"] == pytest.approx(error, abs=2e-4)
        with Image.open(outputs / "a.png") as gray:  # a gray picture gets no color
            channels = np.asarray(gray.convert("RGB"))
        assert np.array_equal(channels, np.repeat(channels[..., :1], 3, axis=-1))
    assert Path(done.sheet).is_file()
    assert "&lt;b&gt;&amp;.jpg" in Path(done.page).read_text(encoding="utf-8")


@pytest.mark.parametrize("missing", [None, "./masks"])
def test_holes_are_completed_at_the_pictures_own_size(own, missing):
    hole = np.zeros((47, 61), bool)
    hole[10:30, 20:40] = True
    picture = Image.fromarray(own["sub/a.png"])
    for folder in ("holes", "masks"):
        Path(folder).mkdir()
    if missing:
        Image.fromarray(hole).resize((122, 94)).save("masks/erased.gif")
    else:
        picture.putalpha(Image.fromarray(np.where(hole, np.uint8(0), np.uint8(255))))
        shutil.copy("own/a.bmp", "holes/whole.bmp")
    picture.save("holes/erased.png")
    models = save_autoencoder(image=(16, 12, 3), layers=2, task="complete", missing="center")
    done = run_job(Apply, models, data="holes", missing=missing)
    with Image.open("ae/applied/pictures/erased.png") as output:
        assert output.mode == "RGB"
        pixels = np.asarray(output)
    assert np.array_equal(pixels[~hole], own["sub/a.png"][~hole])
    assert not np.array_equal(pixels[hole], own["sub/a.png"][hole])
    if missing:
        errors = np.square(to_float(pixels) - to_float(own["sub/a.png"]))[hole]
        assert float(done.table[0][1]) == pytest.approx(errors.mean(), abs=2e-3)
    else:
        assert done.table[0] == ["erased.png", f"{hole.mean():.6f}"]
        with Image.open("ae/applied/pictures/whole.png") as output:
            assert np.array_equal(np.asarray(output.convert("RGB")), own["a.png"])


def test_a_hole_of_one_pixel_in_a_large_picture_is_predicted():
    """With a mean of less than 1 it would not be a hole of the image of 16×12, and stay black."""
    pixels = np.full((400, 300, 4), 255, np.uint8)
    pixels[123, 77] = 0, 0, 0, 0
    Path("large").mkdir()
    Image.fromarray(pixels).save("large/a.png")
    models = save_autoencoder(image=(16, 12, 3), layers=2, task="complete", missing="center")
    run_job(Apply, models, data="large")
    with Image.open("ae/applied/pictures/a.png") as output:
        changed = (np.asarray(output) != 255).any(axis=-1)
    assert np.argwhere(changed).tolist() == [[123, 77]]
    assert np.asarray(output)[123, 77].any()


def test_dense_models_return_their_own_size_with_a_note(own):
    models, channel = save_autoencoder(image=(16, 12, 3), latent_dim=3), RecordingChannel()
    done = run_job(Apply, models, channel, data="own")
    notes = [event.text for event in channel.events if isinstance(event, Note)]
    assert "ae/autoencoder.h5: the model takes images of 16×12×3 only: outputs have that size" in notes
    assert not done.own_size
    with Image.open("ae/applied/pictures/<b>&.png") as image:
        assert image.size == (12, 16)


def test_names_of_outputs_are_different():
    paths = [Path("a.webp"), Path("a.bmp"), Path("a.png"), Path("b.JPG"), Path("b.tif"), Path("b.gif")]
    names = [str(path) for path in output_names(paths, own_size_files.KEPT_SUFFIXES)]
    assert names == ["a.webp.png", "a.bmp.png", "a.png", "b.JPG", "b.png", "b.gif.png"]
    assert output_names([Path("c.gif"), Path("c.png/d.png")], own_size_files.KEPT_SUFFIXES)[0] == Path(
        "c.gif.png"
    )


def test_a_picture_that_cannot_be_halved_is_listed_and_others_are_completed():
    Path("own").mkdir()
    for name, size in {"wide": (9, 5), "narrow": (1, 5)}.items():
        Image.new("RGB", size, "gray").save(f"own/{name}.png")
    models = save_autoencoder(image=(16, 16, 3), task="complete", missing="left")
    done = run_job(Apply, models, data="own")
    assert [row[0] for row in done.table] == ["wide.png"]
    assert re.match("narrow.png: task complete: images of 5×1×3 are too small", done.problems["narrow.png"])


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_the_slider_of_the_page_works_in_a_browser(tmp_path):
    """What an arrow key sends to the slider moves the line; names and titles are text."""
    original = load_unscaled(_gray_file(tmp_path), 1)
    content = own_size_files.encode_like(np.zeros((30, 40, 3), np.uint8), original, is_jpeg=False)
    pictures = [("image/png", content)] * 3
    hostile = ComparedPicture("<script>document.title='x'</script>", "\"'><b>", pictures)
    page = comparison_page("</title><b>", ["input", "one", "two"], [hostile])
    script = (
        "<script>addEventListener('load', () => { const slider = document.querySelector('input');"
        "slider.focus(); slider.value = 20; slider.dispatchEvent(new Event('input'));"
        "document.title = [document.images.length, document.activeElement == slider, "
        "document.querySelector('.pair').style.getPropertyValue('--at'), "
        "getComputedStyle(document.querySelector('.after')).clipPath, "
        "document.querySelectorAll('b').length].join('|') })</script>"
    )
    file = tmp_path / "page.html"
    # The test's own script needs another policy; that of the page is kept for everything else.
    page = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", page)
    file.write_text(page.replace("</body>", f"{script}</body>"), encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
    command = ["chromium", *options, "--virtual-time-budget=3000", "--dump-dom", file.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    title = re.search(r"<title>(.*?)</title>", dom).group(1)
    assert title == "2|true|20%|inset(0px 0px 0px 20%)|0"


def _gray_file(folder: Path) -> Path:
    Image.new("L", (4, 4)).save(folder / "gray.png")
    return folder / "gray.png"
