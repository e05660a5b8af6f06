"""Text that PostgreSQL and UTF-8 refuse is made clean, at any depth, and nothing else is touched."""

import json

from hypothesis import given
from hypothesis import strategies as st

from governance.text import clean, is_clean

# unlike st.text(), with the surrogates
ANY_TEXT = st.lists(st.sampled_from(["a", "é", "🧭", "\x00", "\ud800", "\udfff", "\n", "�"]), max_size=6).map("".join)
JSON = st.recursive(
    st.one_of(ANY_TEXT, st.none(), st.booleans(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(ANY_TEXT, inner, max_size=4)),
    max_leaves=20,
)


def test_each_offending_character_becomes_the_replacement_character() -> None:
    assert clean("a\x00b\ud800c\udfff🧭\n") == "a�b�c�🧭\n"
    assert clean({"k\x00": ["\ud800", {"x": 1, "y": (True, "\x00")}]}) == {"k�": ["�", {"x": 1, "y": [True, "�"]}]}


def test_what_is_clean_is_the_same_object() -> None:
    value = {"a": ["x", ("y",), {"b": None}]}
    assert clean(value) is value
    assert clean(7) == 7


def test_keys_that_become_equal_are_both_kept() -> None:
    given_keys = dict(zip(["a\x00", "a\ud800", "a�"], [1, 2, 3], strict=True))
    assert clean(given_keys) == {"a��": 1, "a���": 2, "a�": 3}


def test_depth_is_no_limit() -> None:
    value: object = "\x00"
    for _ in range(50_000):
        value = [value]
    out = clean(value)
    for _ in range(50_000):
        out = out[0]
    assert out == "�"


@given(JSON)
def test_the_result_can_be_stored_and_keeps_its_shape(value: object) -> None:
    out = clean(value)
    text = json.dumps(out, ensure_ascii=False)
    text.encode("utf-8")
    assert "\\u0000" not in text
    assert _shape(out) == _shape(value)
    assert clean(out) is out or isinstance(out, str)


@given(ANY_TEXT)
def test_clean_text_is_what_encodes_and_has_no_nul(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        assert not is_clean(text)
    else:
        assert is_clean(text) == ("\x00" not in text)
    assert len(clean(text)) == len(text)


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return [_shape(v) for v in value.values()]
    if isinstance(value, list):
        return [_shape(v) for v in value]
    return "text" if isinstance(value, str) else value
