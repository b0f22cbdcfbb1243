"""The client of an experiment that differs in its defence alone."""

from dropleak.analysis.twins import undefended


def client(**settings):
    return {"network": "lenet", "images_per_update": 1, "defence": {}, "rates": [0.0]} | settings


def test_a_client_without_a_defence_is_its_own():
    clients = {"a": client(), "b": client()}
    assert [undefended(name, clients) for name in clients] == ["a", "b"]


def test_rates_may_differ_and_nothing_else():
    sign = {"sign": {}}
    clients = {
        "defended": client(defence=sign),
        "four": client(defence=sign, images_per_update=4),
        "plain": client(rates=[0.0, 0.5]),
        "wide": client(network="wide"),
    }
    assert undefended("defended", clients) == "plain"
    assert undefended("four", clients) is None
