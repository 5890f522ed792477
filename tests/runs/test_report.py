"""Reports on runs, as HTML and as Markdown. python -m pytest tests/runs/test_report.py"""

import html.parser
import json
import math
import os
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt  # rich brings it along

from lib.common.errors import UserError
from lib.config.suited_defaults import ImageSet, suited_defaults
from lib.runs import document_blocks, documents, loss_plots, report, run_entries
from tests.harness.recorded_runs import damaged_records, record_run

NASTY = "<script>alert(1)</script> | `a` [b](c) *d* & \"e\" 'f'"
VOID = {"meta", "img"}


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int = 900, height: int = 2) -> bytes:
    """Return a gray PNG image, written as the PNG specification says."""
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * width) * height)
    return documents.PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def change_record(folder: Path, **parts) -> None:
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | parts))


@pytest.fixture
def four_runs():
    """Runs of both programs with figures; the last one failed, and its record holds markup. Its folder."""
    for name, score, layers in (("first", 0.02, 2), ("second", 0.01, 3)):
        (record_run(name, score, layers=layers) / "figures" / "loss.png").write_bytes(png())
    (record_run("labels", 0.9, program="classification") / "figures" / "confusion.png").write_bytes(png())
    folder = record_run(f"a&b <i> | #{1}", None, status="failed", dataset=NASTY.replace("/", ""))
    change_record(folder, error=NASTY, command=f"python autoencoder.py {NASTY}")
    (folder / "figures" / "not a picture.png").write_text(NASTY)
    return folder


class StrictParser(html.parser.HTMLParser):
    """An HTML parser that refuses what a browser tolerates, such as unclosed tags or duplicate attributes.

    It collects ids, links, tags, texts and attributes of images.
    """

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.images: list[dict] = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        assert len(values) == len(attributes), tag
        assert not any(name.startswith("on") for name in values), tag
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        if tag == "img":
            assert values["alt"]
            self.images.append(values)
        if tag == "p":
            assert self.open[-1] in ("main", "details")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        assert not re.search(r"<\w", data) or "script" in data or "<i>" in data
        self.text.append(data)

    def error(self, message):
        raise AssertionError(message)


def parse_page(page: str) -> StrictParser:
    parser = StrictParser()
    parser.feed(page)
    parser.close()
    assert page.startswith("<!DOCTYPE html>")
    assert not parser.open
    assert len(set(parser.ids)) == len(parser.ids)
    assert {link.removeprefix("#") for link in parser.links} == set(parser.ids)
    return parser


def test_the_page_is_valid_and_self_contained_and_its_text_is_escaped(call_runs, four_runs):
    assert call_runs("--export", "report.html")[:2] == (0, "report.html\n")
    page = Path("report.html").read_text(encoding="utf-8")
    parser = parse_page(page)
    text = " ".join(parser.text)
    assert not {"script", "link", "iframe", "i"} & set(parser.tags)
    assert not re.search(r"https?:|src=\"(?!data:image/png;base64,)|url\(|@import", page)
    assert [(image["width"], image["height"]) for image in parser.images] == [("900", "2")] * 3
    assert page.count(f"data:image/png;base64,{'iVBORw0KGgo'}") == 3
    assert text.count(NASTY) >= 2
    assert os.listdir(".").count("report.html") == 1
    assert not [name for name in os.listdir(".") if name.startswith(".")]


def test_content_of_the_report(call_runs, four_runs):
    call_runs("--export", "report.html")
    text = " ".join(" ".join(parse_page(Path("report.html").read_text(encoding="utf-8")).text).split())
    for words in (
        "Latent Lab: 4 runs",
        "CPU: made up",
        "Keras 3.15.1 on tensorflow",
        "this autoencoder 0.01000 20.00",
        "mean image 0.07000 11.50",
        "PCA, 32 components 0.02000 17.00",
        "Settings that differ from the defaults setting value default data set digits – kernels 32 ",
        "5f2c5f2c",
        "2 epochs; lowest validation loss 0.3 after epoch 2.",
        "epoch loss validation loss 1 0.5 0.4 2 0.25 0.3",
        "this classifier 0.9000",
        "most frequent class 0.5000",
        "Correct labels found: 9",
        "cat 0.5000 0.2500 0.1250 5",
        "accuracy – – 0.9000 –",
        "cat 5 0 dog 1 4",
        "Phase everything",
        "This run failed: <script>",
        "The run was not evaluated on the test set.",
        "python autoencoder.py --dataset digits --layers 2",
        "best run score best baseline finished runs reconstruct digits second MSE 0.01000 PCA 0.02000 2",
        "reconstruct, digits; best first run second first score MSE 0.01000 MSE 0.02000 layers 3 2",
    ):
        assert words in text, words


def test_a_report_opens_with_the_comparison_and_a_loss_plot_and_ends_with_the_machines(call_runs, four_runs):
    call_runs("--export", "report.html")
    page = Path("report.html").read_text(encoding="utf-8")
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles[:3] == ["Comparison", "Best run of each task and data set", "Differences between the runs"]
    assert (len(titles), titles[-1]) == (8, "Machines")
    first_run = page.index('<a id="run-')
    assert page.index("<table>") < page.index("<svg") < page.rindex("<polyline") < first_run
    plot = page[page.index("<svg") : page.index("</svg>")]
    assert (plot.count("<polyline"), ">first<" in plot, ">second<" in plot) == (2, True, True)
    assert "Validation loss per epoch: reconstruct, digits" in page


@pytest.mark.parametrize(
    ("losses", "points", "ticks"),
    [
        ([0.5, 0.05], [(80, 16), (640, 316)], ["0.05", "0.1", "0.2", "0.5"]),
        ([1, -1], [(80, 16), (640, 316)], ["-1", "1"]),
        ([0.3], [(80, 316)], ["0.3", "0.6"]),
        ([100.0, 100.00000000000001], [(80, 316), (640, 316)], ["100", "200"]),  # with equal logarithms
        ([math.nan, 2, None, 1], [(266.7, 16), (640, 316)], ["1", "2"]),
        ([math.nan], None, []),
    ],
)
def test_points_and_ticks_of_the_loss_plot(losses, points, ticks):
    change_record(record_run("one"), history={"loss": losses, "val_loss": losses})
    entries, _ = run_entries.list_entries(Path("models"))
    plots = loss_plots.loss_plots(entries)
    assert bool(plots) == (points is not None)
    if plots:
        line = re.search(r'<polyline points="(.*?)"', plots[0].svg).group(1)
        assert line == " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        assert re.findall(r'text-anchor="end" fill="#333">(.*?)<', plots[0].svg) == ticks


def test_the_loss_plot_of_a_classifier_joins_its_phases_without_the_network_from_random_weights():
    phases = {"head": [3, 2], "everything": [1], "scratch": [9, 9]}
    history = {name: {"loss": losses, "val_loss": losses} for name, losses in phases.items()}
    change_record(record_run("one", program="classification"), history=history)
    (plot,) = loss_plots.loss_plots(run_entries.list_entries(Path("models"))[0])
    (line,) = re.findall(r'<polyline points="(.*?)"', plot.svg)
    assert len(line.split()) == 3


def test_many_and_long_runs_make_a_small_loss_plot():
    for number in range(loss_plots.MAX_LINES + 5):
        change_record(record_run(f"run-{number}"), history={"val_loss": [1 / n for n in range(1, 5001)]})
    entries, _ = run_entries.list_entries(Path("models"))
    (plot,) = loss_plots.loss_plots(entries)
    assert plot.caption.endswith("(the first 20 of 25 runs)")
    assert plot.svg.count("<polyline") == 20
    assert len(plot.svg) < 20 * 12 * (loss_plots.MAX_POINTS + 50)


def test_markdown_links_pictures_in_a_folder_next_to_it(call_runs, four_runs):
    Path("out").mkdir()
    status, out, _ = call_runs("--export", "out/my report.md", "--sort", "name")
    assert (status, out) == (0, "out/my report.md\nout/my report-figures\n")
    text = Path("out/my report.md").read_text(encoding="utf-8")
    links = re.findall(r"^!\[.*\]\((.*)\)$", text, re.MULTILINE)
    drawings = [link for link in links if link.endswith(".svg")]
    links = [link for link in links if link not in drawings]
    assert len(links) == 3
    for drawing in drawings:
        assert ElementTree.fromstring(Path("out", unquote(drawing)).read_bytes()).tag.endswith("svg")
    for link in links:
        assert Path("out", unquote(link)).read_bytes() == png()
        assert " " not in link
    assert len(os.listdir("out/my report-figures")) == 3 + len(drawings)
    assert "<script" not in text.replace(r"\<script", "").replace("    python autoencoder.py <script", "")
    anchors = set(re.findall(r'^<a id="(.*)"></a>$', text, re.MULTILINE))
    assert set(re.findall(r"\]\(#(.*?)\)", text)) == anchors
    for table in re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table  # no text of a cell has opened another
    assert "| **this autoencoder** | **0.01000** | **20.00** |" in text


def test_texts_of_records_are_escaped_in_markdown(call_runs, four_runs):
    call_runs("--export", "report.md")
    text = Path("report.md").read_text(encoding="utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    parts = [part for token in tokens for part in (token.children or [token])]
    own_markup = re.compile(r'<a id="run-\d">|</a>|<details><summary>[\w ,]+</summary>|</details>')
    assert not [
        part.content
        for part in parts
        if part.type.startswith("html") and own_markup.sub("", part.content).strip()
    ]
    lines = ["".join(part.content for part in token.children) for token in tokens if token.type == "inline"]
    assert sum(NASTY in line for line in lines) == 1  # the error
    # the name of the data set, in tables and in a heading
    assert sum(NASTY.replace("/", "") in line for line in lines) >= 3
    assert [token.content.strip() for token in tokens if token.type == "code_block"][
        -1
    ] == f"python autoencoder.py {NASTY}"
    assert sum(token.type == "table_open" for token in tokens) == len(
        re.findall(r"^\|[|:-]+\|$", text, re.MULTILINE)
    )


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_nothing_is_overwritten_unless_forced(call_runs, four_runs, name):
    Path(name).write_text("mine")
    with pytest.raises(
        UserError, match=rf"{name} already exists; choose another name, or replace it with --force"
    ):
        call_runs("--export", name)
    assert Path(name).read_text() == "mine"
    call_runs("--export", name, "--force")
    assert "Latent Lab" in Path(name).read_text(encoding="utf-8")


def test_an_existing_folder_of_pictures_keeps_its_files(call_runs, four_runs):
    Path("report-figures").mkdir()
    Path("report-figures/mine").write_text("mine")
    with pytest.raises(UserError, match="report-figures already exists"):
        call_runs("--export", "report.md")
    assert not Path("report.md").exists()
    call_runs("--export", "report.md", "--force")
    assert sum(name.endswith(".png") for name in os.listdir("report-figures")) == 3
    assert Path("report-figures/mine").read_text() == "mine"


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_a_report_that_cannot_be_written_leaves_no_files(call_runs, four_runs, name, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    monkeypatch.setattr(shutil, "copyfile", full)
    before = sorted(os.listdir("."))
    with pytest.raises(UserError, match=rf"{name}: cannot be written \(No space left on device\)"):
        call_runs("--export", name)
    assert sorted(os.listdir(".")) == before


def test_invalid_paths_of_reports_are_refused(call_runs):
    with pytest.raises(UserError, match=r"report\.pdf: .*must end in \.md or \.html"):
        call_runs("--export", "report.pdf")
    with pytest.raises(
        UserError, match=r"none/report\.md: cannot be written, the folder none does not exist"
    ):
        call_runs("--export", "none/report.md")
    assert call_runs("--export", "report.md")[0] == 0
    assert not Path("report.md").exists()  # there are no runs


@pytest.mark.parametrize("program", ["autoencoder", "classification"])
def test_damaged_records_are_reported_without_an_exception(program):
    folder = record_run("whole", 0.5, program=program)
    for number, record in enumerate(damaged_records(json.loads((folder / "run.json").read_text()))[::4]):
        Path(f"models/{number:04}").mkdir()
        Path(f"models/{number:04}/run.json").write_text(json.dumps(record))
    entries, _ = run_entries.list_entries(Path("models"))
    page, _ = documents.to_html(report.compose_report(entries, "2026-03-01"), "")
    assert len(re.findall("<h2>", parse_page(page) and page)) >= len(entries)
    documents.to_markdown(report.compose_report(entries, "2026-03-01"), "")


def test_defaults_in_a_report_follow_the_images():
    images = ImageSet((8, 8, 1), 80)
    record_run("default", **suited_defaults(images, {}))
    record_run("larger", **suited_defaults(images, {}) | {"latent_dim": 9})
    entries, _ = run_entries.list_entries(Path("models"))
    tables = [report._settings_blocks(entry)[0].rows for entry in entries]
    dataset = ("data set", document_blocks.Strong("digits"), "–")
    assert tables == [[dataset], [dataset, ("latent size", document_blocks.Strong("9"), "4")]]


@pytest.mark.parametrize("batch_size", ["32", None, [32], 1e300])
def test_a_batch_size_that_is_no_number_is_no_error(batch_size):
    folder = record_run("bad", 0.5)
    settings = json.loads((folder / "run.json").read_text())["hyperparameters"] | {"batch_size": batch_size}
    change_record(folder, hyperparameters=settings, baselines={"constant_mse": 0.1})
    (entry,), _ = run_entries.list_entries(Path("models"))
    page, _ = documents.to_html(report.compose_report([entry], "2026-03-01"), "")
    assert "No better than a trivial method, mean image" in page


def test_the_table_of_a_long_training_is_short():
    folder = record_run("long")
    change_record(folder, history={"loss": [1 / n for n in range(1, 1002)]})
    entries, _ = run_entries.list_entries(Path("models"))
    page, _ = documents.to_html(report.compose_report(entries, "2026-03-01"), "")
    rows = re.findall(r'<tr>\s*<th [^>]*scope="row">(\d+)</th>', page)
    assert (rows[:2], rows[-1], len(rows) <= report.MAX_EPOCH_ROWS + 1) == (["1", "22"], "1001", True)


def chromium(*words: str) -> str:
    words = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *words)
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_a_browser_shows_the_page_at_any_width(call_runs, four_runs, tmp_path):
    """No element is wider than the window, and all pictures are drawn."""
    folder = record_run(
        "one-name-that-is-longer-than-a-phone-is-wide-and-has-no-space" * 2, 0.9, program="classification"
    )
    names = [f"class {n}" for n in range(30)]
    data = json.loads((folder / "run.json").read_text())["dataset"] | {"classes": names}
    metrics = {"test_accuracy": 0.9, "confusion_matrix": [[1000] * 30] * 30}
    change_record(
        folder, dataset=data, metrics=metrics, history={"head": {f"loss_{n}": [0.123456] for n in range(20)}}
    )
    call_runs("--export", "report.html")
    page = Path("report.html").read_text(encoding="utf-8")
    script = (
        "<script>addEventListener('load', () => document.title = [document.documentElement.scrollWidth, "
        "innerWidth,"
        " [...document.images].every(image => image.naturalWidth == 900 && image.clientWidth <= "
        "innerWidth)].join())</script>"
    )
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy".*?>')  # it forbids the script below
    frames = Path("frames.html")
    Path("measured.html").write_text(
        policy.sub(script, page).replace("<details>", "<details open>"), encoding="utf-8"
    )
    frames.write_text(
        "<script>addEventListener('load', () => setTimeout(() => document.title = "
        "[...document.querySelectorAll('iframe')]"
        ".map(frame => frame.contentDocument.title).join(';'), 200))</script>"
        + "".join(
            f'<iframe src="measured.html" width="{width}" height="800"></iframe>'
            for width in (360, 400, 1200)
        )
    )
    dom = chromium(
        f"--user-data-dir={tmp_path / 'profile'}",
        "--allow-file-access-from-files",
        "--virtual-time-budget=5000",
        "--window-size=1400,900",
        "--dump-dom",
        frames.resolve().as_uri(),
    )
    title = re.search(r"<title>(.*?)</title>", dom).group(1)
    for measured in title.split(";"):
        content_width, window_width, all_drawn = measured.split(",")
        assert (int(content_width) <= int(window_width), all_drawn) == (True, "true"), title
    assert len(title.split(";")) == 3


def test_figures_that_are_too_large_or_no_files_are_left_out(impatient):
    folder = record_run("small")
    figures = folder / "figures"
    (figures / "good.png").write_bytes(png())
    (figures / "large.png").write_bytes(png())
    os.truncate(figures / "large.png", documents.MAX_PICTURE_BYTES + 1)
    os.mkfifo(figures / "pipe.png")
    (figures / "folder.png").mkdir()
    (figures / "broken.png").symlink_to("nowhere")
    (figures / "device.png").symlink_to("/dev/zero")
    entries, _ = run_entries.list_entries(Path("models"))
    for suffix in ("html", "md"):
        report.export_report(entries, Path(f"r.{suffix}"), force=False)
    assert Path("r.html").read_text().count("<img") == 1
    assert sum(name.endswith(".png") for name in os.listdir("r-figures")) == 1


def test_a_figure_that_grows_after_it_was_looked_at_is_refused(monkeypatch):
    folder = record_run("small")
    (folder / "figures/good.png").write_bytes(png())
    entries, _ = run_entries.list_entries(Path("models"))
    monkeypatch.setattr(documents, "is_png", lambda path: True)
    os.truncate(folder / "figures/good.png", documents.MAX_PICTURE_BYTES + 1)
    for suffix in ("html", "md"):
        with pytest.raises(UserError, match=r"good\.png: more than"):
            report.export_report(entries, Path(f"r.{suffix}"), force=False)
    assert os.listdir() == ["models"]


def test_names_that_are_not_utf8_are_written_as_utf8():
    run = record_run(os.fsdecode(b"a\xff\x1b"))
    change_record(run, dataset={"name": "\ud800\0", "classes": ["\udc00", "\x1b[2J"]}, command="\ud800")
    entries, _ = run_entries.list_entries(Path("models"))
    for suffix in ("html", "md"):
        path = Path(os.fsdecode(b"r\xff." + suffix.encode()))
        report.export_report(entries, path, force=False)
        text = path.read_bytes().decode("utf-8")
        assert all(line.isprintable() for line in text.splitlines())


def test_only_tags_and_links_of_the_blocks_become_html():
    """Text that reached the Markdown without being escaped would still be text."""
    lines = ('<img src=x onerror="a">', "<b>this</b> [a](javascript:b) [c](https://d)", '<a id="run-1"></a>')
    page = documents._render("\n\n".join(lines), {})
    assert set(re.findall(r"<(\w+)", page)) == {"p", "a"}
    assert re.findall("<a .*?>", page) == ['<a id="run-1">']
