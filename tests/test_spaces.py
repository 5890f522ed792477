"""What a search varies, read from what somebody typed. python -m pytest tests/test_spaces.py"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import spaces
from lib.errors import UserError
from lib.fields import PROGRAMS, defaults, read
from lib.spaces import Choice, Range


@pytest.mark.parametrize(
    ("typed", "name", "values", "canonical"),
    [
        ("kernels=16,32,64", "kernels", (16, 32, 64), (16,)),
        ("kernels=8,16/16,32", "kernels", ("8,16", "16,32"), (8, 16)),
        ("kernel-size=2,3,4x2", "kernel_size", (2, 3, "4x2"), ((2, 2),)),
        ("pool=none/1,2/all", "pool", ("none", "1,2", "all"), ()),
        ("latent-dim=convolutional,10", "latent_dim", ("convolutional", 10), None),
        ("dropout=0,0.25", "dropout", (0.0, 0.25), 0.0),
        ("skip=yes,no", "skip", ("yes", "no"), True),
        ("optimizer=adam, adamw ,muon", "optimizer", ("adam", "adamw", "muon"), "adam"),
    ],
)
def test_values_are_those_that_the_flag_takes(typed, name, values, canonical):
    space = spaces.space("autoencoder", [typed], [])
    assert space == {name: Choice(values)}
    assert read(name, values[0]) == canonical
    assert spaces.space("autoencoder", [f"{name}={space[name]}"], []) == space  # as it is shown it can be typed


@pytest.mark.parametrize(
    ("typed", "name", "expected"),
    [
        ("learning-rate=0.0001..0.01:log", "learning_rate", Range(0.0001, 0.01, log=True)),
        ("dropout=0..0.5", "dropout", Range(0.0, 0.5)),
        ("kernels=8..64:8", "kernels", Range(8, 64, step=8)),
        ("kernel-size=2..5", "kernel_size", Range(2, 5)),
        ("fc-units=16..512:log", "fc_units", Range(16, 512, log=True)),
        ("latent-dim=2..64:log", "latent_dim", Range(2, 64, log=True)),
    ],
)
def test_ranges(typed, name, expected):
    program = "classification" if name == "fc_units" else "autoencoder"
    space = spaces.space(program, [], [typed])
    assert space == {name: expected}
    assert spaces.space(program, [], [f"{name}={space[name]}"]) == space
    read(name, expected.low)
    read(name, expected.high)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_example_of_a_prompt_can_be_typed(program):
    for name in spaces.variables(program):
        grid, _, span = spaces.example(name, defaults(program)[name]).partition(", or a range ")
        if span:
            spaces.values(name, grid.split(" ")[0].rstrip(","))
            spaces.numbers(name, span)


@pytest.mark.parametrize(
    ("grids", "ranges", "says"),
    [
        (["kernels"], [], "--grid kernels: must be NAME=…, such as --grid kernels=16,32,64"),
        (["kernel=1,2"], [], "'kernel' cannot be varied; did you mean 'kernels'?"),
        (["nonsense=1,2"], [], "'nonsense' cannot be varied; there are beta, layers"),
        (["task=denoise,complete"], [], "task cannot be varied: errors of different tasks do not compare"),
        (["split=80/10/10"], [], "'split' cannot be varied"),
        (["kernels=16"], [], "--grid kernels=16: there is nothing to choose from; give two values or more"),
        (["kernels=16,16"], [], "there is nothing to choose from"),
        (["kernels=16,many"], [], "--grid kernels=16,many: kernels must be a whole number from 1 to 4096"),
        (["kernels=1,2"], ["kernels=1..4"], "--range kernels=1..4: kernels is varied twice"),
        ([], ["activation=1..2"], "activation has no range; give its values with --grid"),
        ([], ["kernels=1-4"], "must be LOW..HIGH, LOW..HIGH:log or LOW..HIGH:STEP"),
        ([], ["kernels=4..4"], "its end must lie above its beginning"),
        ([], ["dropout=0..0.5:log"], "a logarithmic range begins above 0"),
        ([], ["dropout=0..0.5:0.1"], "only whole numbers have a step; give LOW..HIGH or LOW..HIGH:log"),
        ([], ["kernels=8..64:0"], "must be a whole number from 1 to 56, not '0'"),
    ],
)
def test_what_cannot_be_varied_so_is_refused(grids, ranges, says):
    with pytest.raises(UserError) as error:
        spaces.space("autoencoder", grids, ranges)
    assert says in str(error.value)


@given(st.lists(st.integers(1, 4096), min_size=2, max_size=6, unique=True))
def test_any_grid_of_numbers_keeps_them(numbers):
    space = spaces.space("autoencoder", ["kernels=" + ",".join(map(str, numbers))], [])
    assert space["kernels"].plain == numbers
    assert spaces.size(space) == len(numbers)


def test_the_size_is_that_of_all_combinations():
    grids = ["kernels=16,32,64", "kernel-size=2,3", "epochs=1,2"]
    assert spaces.size(spaces.space("autoencoder", grids, [])) == 12
    assert spaces.size(spaces.space("autoencoder", grids, ["dropout=0..0.5"])) is None


def test_values_in_words():
    assert spaces.named({"kernels": "8,16", "learning_rate": 0.001}) == "kernels 8,16, learning rate 0.001"
