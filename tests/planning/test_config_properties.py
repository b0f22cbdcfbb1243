"""Every configuration can be planned with or is refused with a message."""

import datetime
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from dropleak.data import sources
from dropleak.errors import InputError
from dropleak.planning import config as configuration
from dropleak.planning import grid, identity, messages, resources
from dropleak.planning.schema import load_presets, load_schema
from dropleak.planning.trial import known_size
from dropleak.planning.validation import complete

BIG = [10**12, -(10**12), 2**63, 10**400, 5e-324, 1e308, -0.0, 1.0, float("nan"), float("inf")]
TEXT = st.text(max_size=20) | st.sampled_from(
    ["", "x\n", "\0", "\ud800", "1e3", "nan", "../x", "$(touch x)", "a" * 10**5, "null"]
)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(BIG)
    | TEXT
    | st.binary(max_size=3)
    | st.dates()
    | st.just(datetime.datetime(2020, 1, 1))
)
KEY = TEXT | st.integers() | st.none() | st.booleans() | st.dates()
JUNK = st.recursive(
    SCALAR, lambda part: st.lists(part, max_size=4) | st.dictionaries(KEY, part, max_size=4)
)


NAMES = sorted({*load_presets("clients"), *load_presets("attackers")})


def allowed(schema):
    """Values that a part of the schema allows, including its limits."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    match kind:
        case "boolean":
            return st.booleans()
        case "integer":
            low, step = schema["minimum"], schema.get("multipleOf", 1)
            high = schema.get("maximum", 10**6)
            return st.integers(0, (high - low) // step).map(lambda n: low + step * n)
        case "number":
            low = schema.get("minimum", schema.get("exclusiveMinimum"))
            high = schema.get("maximum", schema.get("exclusiveMaximum"))
            return st.floats(
                low,
                high,
                exclude_min="exclusiveMinimum" in schema,
                exclude_max="exclusiveMaximum" in schema,
            ).map(abs)
        case "array" if schema["items"]["type"] == "number":
            return st.lists(allowed(schema["items"]), min_size=1, max_size=5, unique=True)
        case "array":
            return st.lists(st.sampled_from(NAMES), min_size=1)
        case "object" if "properties" in schema:
            return part_of(schema)
        case "object":
            names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)
            return st.dictionaries(names, part_of(schema["additionalProperties"]), max_size=2)
        case _:
            return st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True)


def part_of(schema):
    """Groups with some of the keys of a part of the schema."""
    every = {key: allowed(part) for key, part in schema["properties"].items()}
    return st.fixed_dictionaries({}, optional=every)


ALLOWED = part_of(load_schema())


@st.composite
def broken(draw):
    """A configuration that the schema allows, except for junk in some places."""
    config = {"experiment": "x"} | draw(ALLOWED)
    for _ in range(draw(st.integers(1, 3))):
        part = config
        while True:
            keys = list(part) if isinstance(part, dict) else range(len(part))
            new = KEY if isinstance(part, dict) else st.nothing()
            key = draw(st.sampled_from(keys) | new if keys else new)
            inner = part[key] if key in keys else None
            if not (inner and isinstance(inner, dict | list) and draw(st.booleans())):
                break
            part = inner
        part[key] = draw(JUNK)
    return config


def plan(config):
    """Plan with a configuration, and check the plan."""
    config = complete(config)
    data, attack, utility = config["data"], config["attack"], config["utility"]
    values = sources.image_values(data)
    available = sources.count_images(data, "test")
    order = grid.selection(available, config["seed"])
    clients = [configuration.clients(config)[name] for name in config["clients"]]
    assert sorted(order) == list(range(available))
    assert config["images"] <= available
    for client in clients:
        together = client["images_per_update"]
        size = min(config["images"], grid.batch_size(attack["images_per_job"], together))
        parts = [*map(grid.batch_slice, grid.batches(config["images"], size))]
        assert sum(part.stop - part.start for part in parts) == config["images"]
        assert all((part.stop - part.start) % together == 0 for part in parts)
    restarts = max(
        configuration.attackers(config)[name]["restarts"]
        for name in configuration.attacking(config)
    )
    limits = resources.attack(
        size,
        values,
        max(configuration.iterations_of(config, name) for name in configuration.attacking(config)),
        attack["precision"],
        [known_size(client) for client in clients],
        restarts,
    ) + resources.training(
        sources.count_images(data, "train"),
        values,
        utility["batch_size"],
        utility["seeds"] * utility["epochs"],
        [known_size(client) for client in clients],
    )
    assert all(isinstance(limit, int) and limit > 0 for limit in limits)
    for rate in config["rates"] + utility["rates"]:
        assert set(str(float(rate))) <= set("0123456789.e-")  # the constraint of the wildcard
        assert math.isfinite(1 / (1 - rate))
    images = identity.of_images(config)
    for client in config["clients"]:
        assert identity.of_training(config, images, client)
        for attacker in configuration.attackers_of(config, client):
            assert identity.of_attack(config, images, client, attacker)


EXAMPLES = settings(derandomize=True, deadline=None, database=None, max_examples=200)


EVERY = st.one_of(ALLOWED.map(lambda config: {"experiment": "x"} | config), broken())


@settings(derandomize=True, deadline=None, database=None, max_examples=400)
@given(EVERY)
def test_a_configuration_can_be_planned_with_or_is_refused_with_a_message(config):
    try:
        plan(config)
    except InputError as error:
        check(str(error), {*config, "experiment", "images"})


def check(message, keys):
    """Check that a message is a short paragraph, and that each of its lines names a key."""
    lines = message.splitlines()
    assert len(lines) <= 11
    assert all(line.isprintable() for line in lines)
    assert len(message) < 20_000
    names = [messages.path_of([key]) for key in keys]
    for line in lines[1:] or lines:
        assert any(name in line for name in names), line
