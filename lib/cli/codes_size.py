"""The question of `encode` before it writes a large file."""

from pathlib import Path

from lib.cli.terminal_prompts import prompt_choice
from lib.common.errors import UserError
from lib.common.formatting import format_megabytes
from lib.data import datasets
from lib.data.user_images import find_pictures
from lib.runs import records
from lib.worker.messages import Encode

LARGE_FILE = 100_000_000  # bytes of latent codes that are written only after a question
BYTES_PER_VALUE = 4  # float32


def confirm_size(request: Encode) -> bool:
    """Return whether to write the latent codes of a request; a question if the file will be large."""
    size = latent_size(request.models[0])
    if size is None:
        return True
    count = count_images(request.data, request.limit)
    total = BYTES_PER_VALUE * size * count
    if total < LARGE_FILE:
        return True
    title = f"{count:,} latent codes of {size:,} numbers need {format_megabytes(total)}. Write them?"
    return prompt_choice(title, {"yes": f"yes, to {request.output}", "no": "no"}) == "yes"


def latent_size(model: str) -> int | None:
    """Return the latent size in the record beside a saved model; None if there is none."""
    try:
        size = records.load_record(Path(model).parent).get("metrics", {}).get("latent_size")
    except UserError:
        return None
    return size if isinstance(size, int) else None


def count_images(data: str, limit: int | None) -> int:
    """Return the number of images that `encode` takes from pictures or a data set."""
    if (pictures := find_pictures(data)) is not None:
        count = len(pictures.train) + (len(pictures.test) if pictures.test else 0)
    else:
        header = datasets.peek(data)
        count = header.count + header.test_count
    return min(count, limit or count)
