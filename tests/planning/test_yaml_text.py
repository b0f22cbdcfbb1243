"""Configuration files that YAML would read differently from their writer."""

import pytest
import yaml
from bad import refused
from places import ROOT

from dropleak.planning import yaml_text


@pytest.fixture
def write(tmp_path):
    def write(text, name="c.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("images: 4\nseed: 0\nimages: 8\n", ["c.yaml, line 3: images appears twice"]),
        ("data:\n  root: a\n  root: b\n", ["c.yaml, line 3: root"]),
        ("presets: {a: {}, b: {}, a: {}}", ["c.yaml, line 1: a"]),
        ('{"a": [{"b": 1, "b": 1}]}', ["c.yaml, line 1: b"]),
        ("? {a: 1, a: 2}\n: 3", ["c.yaml, line 1: a"]),
    ],
)
def test_a_duplicate_key_is_refused(write, text, words):
    refused(yaml_text.check, [write(text)], words=words)


def test_a_key_may_appear_in_several_groups_and_files(write):
    text = "data: &x {size: 8}\nutility: {size: 8, *x : *x}\nb: [*x, *x]"
    yaml_text.check([write(text, "a.yaml"), write(text, "b.yaml")])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0100", ["0100 means 64 in YAML 1.1", "100 in YAML 1.2; write 64 or 100"]),
        ("-012", ["-012 means -10", "write -10 or -12"]),
        ("08", ['08 means "08"', 'write "08" or 8']),
        ("0o17", ['0o17 means "0o17"', 'write "0o17" or 15']),
        ("1_000", ["1_000 means 1000", 'write 1000 or "1_000"']),
        ("0x1_0", ["0x1_0 means 16", 'write 16 or "0x1_0"']),
        ("1_0.5", ["1_0.5 means 10.5"]),
        ("0b11", ["0b11 means 3", 'write 3 or "0b11"']),
        ("1:30", ["1:30 means 90", 'write 90 or "1:30"']),
        ("1:30.5", ["1:30.5 means 90.5"]),
        ("1e3", ['1e3 means "1e3"', 'write "1e3" or 1000.0']),
        ("1e-9", ['write "1e-9" or 1.0e-09']),
        ("1.0e3", ['write "1.0e3" or 1000.0']),
        ("yes", ['yes means true in YAML 1.1 and "yes" in YAML 1.2']),
        ("No", ["No means false", 'write false or "No"']),
        ("ON", ["ON means true"]),
        ("off", ["off means false"]),
        ("2020-01-01", ["2020-01-01 means a date", 'write "2020-01-01"']),
        ("2020-01-01 10:00:00", ["means a date", 'write "2020-01-01 10:00:00"']),
    ],
)
@pytest.mark.parametrize(
    "template", ["a:\n  b: {}\n", "a:\n- {}\n", "a:\n  {}: 1\n", "a:\n  [{}]\n"]
)
def test_a_value_with_two_meanings_is_refused(write, value, words, template):
    path = write(template.replace("{}", value))
    refused(yaml_text.check, [path], words=["c.yaml, line 2", *words])


@pytest.mark.parametrize(
    "value",
    [
        *("0", "007", "100", "-3", "+4", "0x40", "0.5", ".5", "5.", "1.0e-9", "1.0e+3", "-.inf"),
        *(".nan", "true", "False", "null", "~", "", "text", "y", "n", "none", "1.2.3", "12 a"),
        *("'0100'", '"yes"', "!!str 0100", "|\n    yes", "a:b", "http://1:30", "1:99", "0" * 5000),
    ],
)
def test_a_value_with_one_meaning_is_accepted(write, value):
    yaml_text.check([write(f"a:\n  b: {value}\n  <<: {{c: 1}}\n")])


def test_numbers_of_json_that_are_text_in_yaml_are_accepted(write):
    yaml_text.check([write('{"attack": {"rate": 1e-3, "b": [1E5]}}')])


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name
)
def test_our_own_files_have_one_meaning(path):
    yaml_text.check([path])


def test_the_advice_has_one_meaning(write):
    for value in (64, -10, 90.5, 1e-9, 1000.0, 1e300, True, "yes", "1e3", "0o17", 'a "b" \u00e9'):
        text = f"a: {yaml_text._written(value)}\n"
        yaml_text.check([write(text)])
        assert yaml.safe_load(text) == {"a": value}
