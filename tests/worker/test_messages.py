"""Messages through the pipe. python -m pytest tests/worker/test_messages.py"""

import json
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.common.errors import RunFailed, UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.runs.events import EpochEnded, Event
from lib.search import trials  # noqa: F401 (defines two events)
from lib.worker import messages
from lib.worker.messages import Encode, JobRequest, Request, decode_message, encode_message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=5,
)
RUN = AutoencoderHyperparameters(dataset="digits", kernels=(4, 8), layers=2)


def classes(base: type) -> list[type]:
    """A class of messages and all that are derived from it."""
    return [base, *(cls for derived in base.__subclasses__() for cls in classes(derived))]


MESSAGES = [cls for base in (Request, Event) for cls in dict.fromkeys(classes(base))]


def values(hint: Any) -> st.SearchStrategy:
    """Values of the type of a field."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return st.one_of(*map(values, arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and Ellipsis not in arguments:
        return st.tuples(*map(values, arguments))
    if origin in (list, tuple):
        return st.lists(values(arguments[0]), max_size=3).map(origin)
    if origin is dict:
        return st.dictionaries(st.text(), values(arguments[1]), max_size=3)
    plain = {Any: JSON, Hyperparameters: st.just(RUN), float: st.floats(allow_nan=False)}
    if hint in plain:
        return plain[hint]
    return messages_of(hint) if is_dataclass(hint) else st.from_type(hint)


def messages_of(cls: type) -> st.SearchStrategy:
    hints = get_type_hints(cls)
    return st.builds(cls, **{field.name: values(hints[field.name]) for field in fields(cls)})


def decode(cls: type, line: bytes | str):
    return decode_message(line, Event if issubclass(cls, Event) else Request)


@pytest.mark.parametrize("cls", MESSAGES)
@given(data=st.data())
@settings(max_examples=20)
def test_a_message_survives_the_pipe_and_no_key_may_differ(cls, data):
    message = data.draw(messages_of(cls))
    line = encode_message(message)
    assert line.count(b"\n") == 1
    assert decode(cls, line) == message
    content = json.loads(line)
    with pytest.raises(RunFailed, match=f"{cls.__name__}: the key 'other' is unknown"):
        decode(cls, json.dumps(content | {"other": 1}))
    for field in fields(cls):
        others = {key: value for key, value in content.items() if key != field.name}
        with pytest.raises(RunFailed, match=f"{cls.__name__}: the key '{field.name}' is missing"):
            decode(cls, json.dumps(others))
        wrong = 5 if get_type_hints(cls)[field.name] == dict[str, Any] else {"no": ["such"]}
        with pytest.raises((RunFailed, UserError), match=cls.__name__):
            decode(cls, json.dumps(content | {field.name: wrong}))


@pytest.mark.parametrize("value", [True, "1", 1.5, None, [1]])
def test_a_number_is_no_text_and_no_truth_value(value):
    line = json.dumps(json.loads(encode_message(EpochEnded(1, 9.0, {}))) | {"epoch": value})
    with pytest.raises(RunFailed, match=r"^event EpochEnded, epoch: must be of the type int, not "):
        decode_message(line, Event)


@pytest.mark.parametrize("name", ["", 5, None, "os.system", "lib.runs.events.Nothing", "lib.nowhere.Event"])
def test_what_is_no_message_is_refused(name):
    with pytest.raises(RunFailed, match=r"the event .* is unknown; start the program again"):
        decode_message(json.dumps({"event": name}), Event)


def test_a_request_is_no_event():
    name = f"{messages.__name__}.Stop"
    assert decode_message(json.dumps({"request": name, "why": ""}), Request) == messages.Stop()
    for line in (json.dumps({"event": name, "why": ""}), "[]", "5"):
        with pytest.raises(RunFailed, match="is unknown"):
            decode_message(line, Event)


@pytest.mark.parametrize("cls", [cls for cls in classes(JobRequest) if hasattr(cls, "job")])
def test_the_job_of_a_request_takes_it(cls):
    job = messages.find_object(cls.job)
    assert get_type_hints(job)["request"] is cls


def test_options_that_are_left_out_have_their_defaults():
    request = Encode(models=("a.h5",), data="digits", output="c.npz")
    assert (request.fit, request.limit, request.refine) == ("crop", None, None)
