"""The assertion that a hostile or broken file is refused with a clear message."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lib.common.errors import UserError
from lib.data.formats import registry


def assert_refused(path: Path | str, words: str, action: Callable[[Path], object] = registry.read_source):
    """Assert that an action raises a `UserError` of one line that begins with the path and says `words`."""
    with pytest.raises(UserError) as error:
        action(Path(path))
    message = str(error.value)
    assert message.startswith(str(path))
    assert words in message
    assert message.isprintable()
