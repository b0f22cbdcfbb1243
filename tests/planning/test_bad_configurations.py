"""Configurations that cannot be used."""

import pytest
import yaml
from bad import refused

from dropleak.planning.validation import complete


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("experiment: 5", ["experiment: 5", "it must be text"]),
        ("experiment: ''", ["experiment", "must match"]),
        ('experiment: "x\\n"', ["experiment", '"x\\n"', "must match"]),
        ("experiment: a/b", ["experiment", "a/b"]),
        ("experiment: ../x", ["experiment", "../x"]),
        ("experiment: -rf", ["experiment", "-rf"]),
        ("experiment: $(touch x)", ["experiment", "$(touch x)"]),
        ("experiment: slurm", ["experiment", "taken"]),
        (f"experiment: {'n' * 101}", ["experiment", "in length at most 100"]),
        ("images: -3", ["images: -3", "at least 1"]),
        ("images: 1000000000000", ["images: 1000000000000", "360 in the test part of digits"]),
        (f"images: 1{'0' * 400}", ["images: 1", "360"]),
        ("images: '3'", ['images: "3"', "without quotes"]),
        ("images: .inf", ["images: inf", "a whole number"]),
        ("images: 2020-01-01", ["images: datetime.date(2020, 1, 1)", "a whole number"]),
        ("seed: 1e3", ['seed: "1e3"', "1.0e-9"]),
        ("seed: 4294967296", ["seed: 4294967296", "at most"]),
        ("rates: [1e-9]", ['rates[0]: "1e-9"', "an exponent as in 1.0e-9"]),
        ("rates: [.nan]", ["rates[0]: nan", "finite"]),
        ("rates: [-.inf]", ["rates[0]: -inf", "at least 0"]),
        ("rates: [-0.0]", ["rates[0]: -0.0", "write 0.0"]),
        ("rates: [0, 0.0]", ["rates: [0, 0.0]", "twice"]),
        ("rates: [0.1, [0.2]]", ["rates[1]: [0.2]", "a number"]),
        ("rates: {}", ["rates: {}", "a list"]),
        (f"rates: {[2] * 1000}", ["rates[0]: 2"]),
        ("attackers: [null]", ["attackers[0]: null", "text"]),
        ("attackers: ['idlg\n']", ["attackers", "did you mean idlg?"]),
        ("presets: {clients: {a/b: {}}}", ["presets.clients", "a/b"]),
        ("presets: {attackers: {'$(touch x)': {}}}", ["presets.attackers", "$(touch x)"]),
        (f"presets: {{attackers: {{{'n' * 101}: {{}}}}}}", ["presets", "at most 100"]),
        (
            "presets: {attackers: {x: {learning_rate: .nan}}}",
            ["presets.attackers.x.learning_rate: nan", "finite"],
        ),
        (
            "presets: {clients: {x: {defence: {gaussian-nose: {}}}}}",
            ["presets.clients.x.defence.gaussian-nose: unknown", "did you mean gaussian-noise?"],
        ),
        (
            "presets: {clients: {x: {defence: {encryption: {}}}}}",
            ["defence.encryption: unknown key; it must be one of gaussian-noise, dp-sgd, pruning"],
        ),
        (
            "presets: {clients: {x: {defence: {pruning: {portion: 0.5}}}}}",
            ["defence.pruning.portion: unknown key", "defence.pruning.share: missing"],
        ),
        (
            "presets: {clients: {x: {defence: {pruning: {share: 1}}}}}",
            ["presets.clients.x.defence.pruning.share: 1.0 is outside", "below 1"],
        ),
        (
            "presets: {clients: {x: {defence: {sign: {}, soteria: {}}}}}",
            ["presets.clients.x.defence:", "has 2 entries; at most 1 is allowed"],
        ),
        ("presets: {clients: {x: {defence: sign}}}", ['defence: "sign"', "a group of keys"]),
        ("attack: {iterations: 1000000000000}", ["attack.iterations", "at most"]),
        ("attack: {iterations: 1.0e+3}", ["attack.iterations: 1000.0", "a whole number"]),
        ("attack: [iterations]", ["attack", "a group of keys"]),
        ("attack:", ["attack: null", "a group of keys"]),
        ("utility: {seeds: 1000000000000}", ["utility.seeds", "at most"]),
        ("utility: {batch_size: 0x7fffffffffffffffffff}", ["utility.batch_size", "at most"]),
        ("data: {root: ''}", ["data.root", "in length at least 1"]),
        ('data: {root: "a\\0b"}', ['data.root: "a\\u0000b"', "null"]),
        ('data: {root: "\\uD800"}', ['data.root: "\\ud800"', "surrogates"]),
        (f"data: {{root: {'n' * 300}}}", ["data.root", "File name too long"]),
        ("data: {source: mnist, root: /dev/null}", ["data.root", "it is not a folder"]),
        ("data: {source: folder, root: /nowhere}", ["/nowhere does not exist", "class"]),
        ("data: &x {again: *x}", ["contains itself"]),
        ("? 2020-01-01\n: 5", ["[datetime.date(2020, 1, 1)]", "unknown key"]),
        ("~: 5", ["[null]", "unknown key"]),
        ("5: 5", ["[5]", "unknown key"]),
        ('"a\\nb": 5', ['"a\\nb"', "unknown key"]),
    ],
)
def test_a_configuration_is_refused(text, words):
    config = {"experiment": "x"} | yaml.safe_load(text)
    message = refused(complete, config, words=words)
    assert len(message) < 1500
    assert len(message.splitlines()) <= 11
