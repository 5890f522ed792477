"""Decoding of pictures in threads, ahead of the work on those that were decoded before."""

import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lib.data.formats.pictures import quiet_decoding

Item = TypeVar("Item")
Items = TypeVar("Items", bound=Collection)
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result], chunks: Iterable[Items], ahead: int = 1
) -> Iterator[tuple[Items, list[Result]]]:
    """Yield chunks with the results of a function of their items, while threads compute the next ones.

    Pillow releases Python's lock while it decodes. At most `ahead` + 1 chunks of results are in memory.

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
