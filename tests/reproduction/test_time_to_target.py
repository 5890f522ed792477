"""Results of time targets. python -m pytest tests/reproduction/test_time_to_target.py"""

from lib.reproduction.time_to_target import SideResult

RESULT = SideResult({"runs": []}, 1.5, [1, 3], True, 0.01, None, "CPU", "python autoencoder.py", "2025-01-31")


def test_a_result_survives_json():
    stored = RESULT.to_json()
    assert " ".join(stored) == "asked seconds epochs reached best code device command date"
    assert SideResult.from_json(stored) == RESULT
    assert SideResult.from_json(stored | {"unknown": 1}) == RESULT


def test_a_result_with_a_missing_key_does_not_count():
    assert SideResult.from_json({"asked": {}, "seconds": 1.5}) is None


def test_a_result_in_words():
    assert RESULT.text == "reached after 1.5 s, 1 + 3 epochs"
