"""Parsing of search spaces. python -m pytest tests/search/test_space.py"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.common.errors import UserError
from lib.config.program_settings import PROGRAMS, default_values, find_setting
from lib.search.space import (
    Choices,
    Range,
    describe_example,
    format_params,
    grid_size,
    list_variables,
    parse_range,
    parse_space,
    parse_values,
)


@pytest.mark.parametrize(
    ("text", "name", "values", "first"),
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
def test_values_are_parsed_as_the_flag_of_the_hyperparameter(text, name, values, first):
    space = parse_space("autoencoder", [text], [])
    assert space == {name: Choices(values)}
    assert find_setting(name).parse(values[0]) == first
    assert parse_space("autoencoder", [f"{name}={space[name]}"], []) == space  # the displayed form parses


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("learning-rate=0.0001..0.01:log", "learning_rate", Range(0.0001, 0.01, log=True)),
        ("dropout=0..0.5", "dropout", Range(0.0, 0.5)),
        ("kernels=8..64:8", "kernels", Range(8, 64, step=8)),
        ("kernel-size=2..5", "kernel_size", Range(2, 5)),
        ("fc-units=16..512:log", "fc_units", Range(16, 512, log=True)),
        ("latent-dim=2..64:log", "latent_dim", Range(2, 64, log=True)),
    ],
)
def test_ranges(text, name, expected):
    program = "classification" if name == "fc_units" else "autoencoder"
    space = parse_space(program, [], [text])
    assert space == {name: expected}
    assert parse_space(program, [], [f"{name}={space[name]}"]) == space
    find_setting(name).parse(expected.low)
    find_setting(name).parse(expected.high)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_example_of_a_prompt_can_be_parsed(program):
    for name in list_variables(program):
        grid, _, span = describe_example(name, default_values(program)[name]).partition(", or a range ")
        if span:
            parse_values(name, grid.split(" ")[0].rstrip(","))
            parse_range(name, span)


@pytest.mark.parametrize(
    ("grids", "ranges", "message"),
    [
        (["kernels"], [], "--grid kernels: must be NAME=…, such as --grid kernels=16,32,64"),
        (["kernel=1,2"], [], "'kernel' cannot be varied; did you mean 'kernels'?"),
        (["nonsense=1,2"], [], "'nonsense' cannot be varied; there are limit, beta, beta-warmup"),
        (["task=denoise,complete"], [], "task cannot be varied: errors of different tasks are not"),
        (["split=80/10/10"], [], "'split' cannot be varied"),
        (["kernels=16"], [], "--grid kernels=16: requires at least two values"),
        (["kernels=16,16"], [], "requires at least two values"),
        (["kernels=16,many"], [], "--grid kernels=16,many: kernels must be a whole number from 1 to 4096"),
        (["kernels=1,2"], ["kernels=1..4"], "--range kernels=1..4: kernels is given twice"),
        ([], ["activation=1..2"], "activation cannot have a range; list its values with --grid"),
        ([], ["kernels=1-4"], "must be LOW..HIGH, LOW..HIGH:log or LOW..HIGH:STEP"),
        ([], ["kernels=4..4"], "the end must be greater than the start"),
        ([], ["dropout=0..0.5:log"], "a logarithmic range must start above 0"),
        ([], ["dropout=0..0.5:0.1"], "only whole numbers can have a step; use LOW..HIGH or LOW..HIGH:log"),
        ([], ["kernels=8..64:0"], "must be a whole number from 1 to 56, not '0'"),
    ],
)
def test_invalid_spaces_are_refused(grids, ranges, message):
    with pytest.raises(UserError) as error:
        parse_space("autoencoder", grids, ranges)
    assert message in str(error.value)


@given(st.lists(st.integers(1, 4096), min_size=2, max_size=6, unique=True))
def test_a_grid_of_numbers_keeps_them(numbers):
    space = parse_space("autoencoder", ["kernels=" + ",".join(map(str, numbers))], [])
    assert space["kernels"].to_json() == numbers
    assert grid_size(space) == len(numbers)


def test_the_size_of_a_grid_counts_all_combinations():
    grids = ["kernels=16,32,64", "kernel-size=2,3", "epochs=1,2"]
    assert grid_size(parse_space("autoencoder", grids, [])) == 12
    assert grid_size(parse_space("autoencoder", grids, ["dropout=0..0.5"])) is None


def test_params_in_words():
    assert format_params({"kernels": "8,16", "learning_rate": 0.001}) == "kernels 8,16, learning rate 0.001"
