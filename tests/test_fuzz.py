"""Files of every format, changed at random. python -m pytest tests/test_fuzz.py (100,000 of them: -m fuzz)"""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness import fuzzing
from tests.harness.terminal_session import PROJECT

# Bytes that memory may grow by: four copies of the largest picture, 4 bytes a pixel (as decoded, with its
# transparency, on white, and in the mode that is wanted).
GROWN = 1500 << 20
KNOWN = fuzzing.seeds()
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 16), st.binary(max_size=16)), min_size=1, max_size=6
)


def hold(count: int, first: int) -> None:
    """The law for so many cases, in a process of their own: a crash, an endless loop or a warning of C's is
    seen too.
    """
    line = [sys.executable, "-m", "tests.harness.fuzzing", str(count), "--first", str(first)]
    done = subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, timeout=60 + count)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert sum(found["ended"].values()) == count
    assert found["grown"] < GROWN
    noticed = {name.split(":")[0] for name in found["ended"] if name.endswith((": refused", ": skipped"))}
    assert noticed == set(KNOWN)


def test_a_thousand_cases_break_no_law():
    hold(1000, first=0)


@pytest.mark.fuzz
def test_very_many_cases_break_no_law():
    hold(int(os.environ.get("LATENT_LAB_FUZZ", 100_000)), first=1_000_000)


@settings(suppress_health_check=list(HealthCheck), max_examples=300)
@given(st.data(), EDITS)
def test_whatever_hypothesis_does_to_a_file_breaks_no_law(tmp_path, data, edits):
    seed = KNOWN[data.draw(st.sampled_from(sorted(KNOWN)))]
    name = data.draw(st.sampled_from(fuzzing.changeable(seed)))
    content = seed.files[name]
    for place, replaced, by in edits:
        start = round(place * len(content))
        content = content[:start] + by + content[start + replaced :]
    fuzzing.law(seed, tmp_path / "case", {name: content})
