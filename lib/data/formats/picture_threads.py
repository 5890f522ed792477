"""Decoding of pictures in several threads: Pillow releases Python's lock while it decodes."""

import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lib.common.errors import UserError
from lib.data.formats.picture_files import quiet_decoding

CHUNK_SIZE = 512  # pictures that are opened at once

Item = TypeVar("Item")
Items = TypeVar("Items", bound=Collection)
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result], chunks: Iterable[Items], ahead: int = 1
) -> Iterator[tuple[Items, list[Result]]]:
    """Yield chunks with the results of a function of their items, while threads compute the next ones.

    At most `ahead` + 1 chunks of results are in memory.

    Args:
        function: called with an item; its exceptions are raised where its chunk is due.
        chunks: of items.
        ahead: number of chunks that are begun before their predecessor is taken.
    """
    pending: deque[tuple[Items, Iterator[Result]]] = deque()

    def take() -> tuple[Items, list[Result]]:
        chunk, results = pending.popleft()
        with quiet_decoding():
            return chunk, list(results)

    with ThreadPoolExecutor() as pool, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            for chunk in chunks:
                pending.append((chunk, pool.map(function, chunk)))
                if len(pending) > ahead:
                    yield take()
            while pending:
                yield take()
        finally:
            pool.shutdown(cancel_futures=True)


def map_pictures(
    function: Callable[[Path], Result], files: Sequence[Path], chunk_size: int = CHUNK_SIZE
) -> Iterator[tuple[Path, Result | UserError]]:
    """Yield each file with the result of a function of it, or the `UserError` that it raises, in order.

    At most `chunk_size` results are in memory.
    """

    def call(file: Path) -> Result | UserError:
        try:
            return function(file)
        except UserError as error:
            return error

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(files), chunk_size):
            chunk = files[start : start + chunk_size]
            with quiet_decoding():
                results = list(pool.map(call, chunk))
            yield from zip(chunk, results, strict=True)
