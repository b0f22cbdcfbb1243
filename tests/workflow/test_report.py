"""The report in a browser without a network, on a desk and on a phone."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import sync_playwright
from runner import run

from dropleak.report import pages
from dropleak.report.claims import Section
from dropleak.tables import parquet
from dropleak.tables.schemas import CLAIMS, INTERPRETATIONS

BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")
REQUIRED = os.environ.get("BROWSER_TESTS") == "required"
DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BROWSER or REQUIRED), reason="there is no Chromium here (make browser-packages)"
    ),
]


@pytest.fixture(scope="module")
def report(finished, small, tmp_path_factory):
    """The report as a single file in a separate folder."""
    folder, _ = finished
    path = tmp_path_factory.mktemp("elsewhere") / "report.html"
    run("--report", path, *small, cwd=folder)
    return path


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(chromium, report, size):
    """The report's first page; checks at the end that the browser reported no error."""
    context = chromium.new_context(offline=True, viewport=size)
    page, errors = context.new_page(), []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url[:100]))
    page.goto(report.as_uri())
    page.locator(".answer").wait_for()
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def page(chromium, report):
    yield from opened(chromium, report, DESK)


@pytest.fixture
def phone(chromium, report):
    yield from opened(chromium, report, PHONE)


@pytest.fixture
def tables(finished):
    return finished[0] / "results" / "small" / "tables"


def show(page, name):
    """Follow a link of the first page; returns the frame that shows what it names."""
    page.locator(".answer a", has_text=name).first.click()
    frame = page.frame_locator("iframe")
    frame.locator("h1").wait_for()
    return frame


def fits(frame):
    return frame.locator("html").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_the_first_page_answers_beside_figure_7(page):
    """Without scrolling, for each attacker and with the verdicts."""
    parts = page.locator(".sentences li, .verdicts, .answer figure img")
    assert page.locator(".sentences li").all_inner_texts()[0].startswith("idlg: ")
    assert page.locator(".sentences li").count() == 2
    for part in parts.all():
        box = part.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= DESK["height"]
    picture = page.locator(".answer figure img")
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 500
    text = page.locator(".sentences").bounding_box()
    assert picture.bounding_box()["x"] >= text["x"] + text["width"]


def test_each_verdict_opens_its_claims(page):
    verdicts = page.locator(".verdicts a")
    for index, text in enumerate(verdicts.all_inner_texts()):
        count, _, verdict = text.partition(" ")
        page.reload()
        verdicts.nth(index).click()
        frame = page.frame_locator("iframe")
        frame.locator("h1").wait_for()
        place = page.locator("iframe").get_attribute("src").rpartition("#")[2]
        rows = frame.locator(f"#{place} tr")
        assert rows.count() == int(count)
        assert verdict in rows.first.inner_text()


def test_every_link_of_the_first_page_opens_what_it_names(page, finished):
    links = page.locator(".all a")
    results = set(page.evaluate("Object.keys(results)"))
    assert links.count() == len(results)
    for target in links.evaluate_all("links => links.map(link => link.href)"):
        page.evaluate(target.removeprefix("javascript:"))
        page.frame_locator("iframe").locator("h1").wait_for()
    assert "Figure 1: network" in show(home(page), "Figure 1").locator("h1").inner_text()


def home(page):
    """The first page again."""
    page.reload()
    page.locator(".answer").wait_for()
    return page


def test_the_picture_of_rules_has_a_page_of_its_own(page):
    assert page.locator("div#rulegraph").count() == 0
    page.get_by_text("Workflow", exact=True).click()
    page.locator("#rulegraph canvas").wait_for()
    assert not page.locator(".answer").is_visible()
    assert page.locator("div#rulegraph").bounding_box()["y"] >= 0
    drawn = page.evaluate(
        "rulegraph_spec.data.slice(1).flatMap(part => part.values)"
        ".map(link => [link.sourcerule, link.targetrule].join(' '))"
    )
    assert {"images attack", "images train", "attack join_attacks"} <= set(drawn)


def test_claims_that_were_not_measured_are_left_out(page, tables):
    claims = pd.read_csv(tables / "claims.csv")
    frame = show(page, "Claims of the paper and ours")
    rows = frame.locator("table.claims tbody tr").all_inner_texts()
    assert rows
    assert len(rows) < len(claims)
    assert not any("not measured" in row or "rmse-at" in row for row in rows)
    assert frame.locator("#interpretations").count() == 0  # as digits are not the paper's images
    assert f"{(claims['n'] == 0).sum()} claim" in frame.locator("body").inner_text()
    assert fits(frame)


def test_the_widest_numbers_fit_beside_the_lists_of_results(chromium, tables, tmp_path):
    claims = parquet.read(tables / "claims.parquet", CLAIMS).to_pylist()
    interpretations = parquet.read(tables / "interpretations.parquet", INTERPRETATIONS).to_pandas()
    interpretations[interpretations.select_dtypes("float").columns] = 5.28e11
    interpretations["attacker"] = "dropout-inversion"
    path = tmp_path / "claims.html"
    text = pages.claims_page(
        config={"experiment": "wide", "images": 3},
        dataset="digits",
        sections=[Section("Claims", "All.", claims)],
        left_out=0,
        interpretations=parquet.build(INTERPRETATIONS, interpretations),
        files=[],
        glossary=[],
    )
    path.write_text(text, encoding="utf-8")
    page = chromium.new_page(viewport={"width": 1036, "height": 900})  # of a window of 1400
    page.goto(path.as_uri())
    assert page.locator(".wide").evaluate_all(
        "tables => tables.every(table => table.scrollWidth <= table.clientWidth)"
    )
    page.close()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Every attacker at every rate", "summary"),
        ("Attackers compared", "comparison"),
        ("Privacy against utility", "tradeoff"),
        ("The strongest attacker on every defence", "defences"),
    ],
)
def test_tables_fit_the_window_and_can_be_downloaded(page, tables, title, name):
    frame = show(page, title)
    assert frame.locator("tbody tr").count() == len(pd.read_csv(tables / f"{name}.csv"))
    wide = frame.locator(".wide")
    assert wide.evaluate("table => table.scrollWidth <= table.clientWidth")
    with page.expect_download() as download:
        frame.get_by_role("link", name=f"{name}.csv").click()
    assert Path(download.value.path()).read_bytes() == (tables / f"{name}.csv").read_bytes()


def test_successes_come_first_in_words(page):
    frame = show(page, "Every attacker at every rate")
    headers = [" ".join(text.split()) for text in frame.locator("th").all_inner_texts()]
    assert headers[:4] == ["Client", "Attacker", "Dropout rate", "Recovered (95% interval)"]
    assert "share of attacks with rmse" in frame.locator("th").nth(3).get_attribute("title")


def test_a_figure_stands_beside_its_caption_with_numbers_from_the_tables(page, tables):
    frame = show(page, "lenet, idlg-ignore")
    title = frame.locator("h1").inner_text()
    picture, caption = frame.locator("img"), frame.locator("figcaption")
    assert title.endswith("(lenet, idlg-ignore)")
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 500
    box = picture.bounding_box()
    assert caption.bounding_box()["x"] >= box["x"] + box["width"]
    summary = pd.read_csv(tables / "summary.csv").set_index(["attacker", "dropout_rate"])
    mean = summary.loc[("idlg-ignore", 0.5), "rmse_clipped_mean"]
    frame = show(home(page), "Figure 7: ")
    assert f"{mean:.3f} (" in frame.locator("figcaption").inner_text()


def test_a_figure_can_be_downloaded(page, finished):
    frame = show(page, "Figure 7: ")
    with page.expect_download() as download:
        frame.get_by_role("link", name="figure7-attackers.pdf").click()
    path = finished[0] / "results/small/figures/figure7-attackers.pdf"
    assert Path(download.value.path()).read_bytes() == path.read_bytes()


def test_figures_can_be_found_by_attacker(page):
    page.get_by_text("Figures", exact=True).first.click()
    text = page.locator("table").first.inner_text()
    assert text.split("\n")[0].split()[:4] == ["FIGURE", "SHOWS", "CLIENT", "ATTACKER"]
    for label in ("lenet", "idlg", "idlg-ignore"):
        assert page.get_by_role("cell", name=label, exact=True).first.is_visible()


def test_attackers_and_clients_are_explained_where_they_are_named(page):
    for link in ("Figure 7: ", "Every attacker at every rate", "Claims of the paper", "Methods"):
        terms = show(home(page), link).locator("dt").all_inner_texts()
        assert terms == ["lenet", "idlg", "idlg-ignore"]
    assert show(home(page), "lenet, idlg-ignore").locator("dt").all_inner_texts() == [
        "lenet",
        "idlg-ignore",
    ]


def test_the_run_is_described_with_references_last(page, finished):
    frame = show(page, "Methods")
    methods = (finished[0] / "results/small/report/methods.tex").read_text(encoding="utf-8")
    assert frame.locator("#methods").inner_text().strip() == methods.strip()
    assert "iterations: 40" in frame.locator("#configuration").inner_text()
    assert "torch" in frame.locator("#versions").inner_text()
    outcomes = frame.locator("#outcomes").inner_text()
    assert "Stalled" in outcomes
    assert "Diverged" in outcomes
    assert "attack" in frame.locator("#hours").inner_text()
    assert "@misc{zheng2021dropout" in frame.locator("body > :last-child").inner_text()
    with page.expect_download() as download:
        frame.get_by_role("link", name="references.bib").click()
    assert "@misc{zheng2021dropout" in Path(download.value.path()).read_text(encoding="utf-8")


def test_the_time_of_every_rule_is_shown(page):
    page.get_by_text("Statistics", exact=True).first.click()
    page.locator("#runtimes canvas").wait_for()
    drawn = page.evaluate("runtimes_spec.data.values.map(job => job.rule)")
    assert {"attack", "train", "evaluate_claims", "provenance"} <= set(drawn)


def test_a_phone_shows_the_answer_above_the_menu(phone):
    sentences, menu = phone.locator(".sentences"), phone.locator("nav").first
    box = sentences.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert box["width"] > 0.8 * PHONE["width"]
    assert box["y"] + box["height"] <= menu.bounding_box()["y"]
    assert phone.locator("html").evaluate("e => e.scrollWidth <= e.clientWidth")


@pytest.mark.parametrize(
    "name",
    ["Claims of the paper and ours", "Every attacker at every rate", "Figure 7: ", "Methods"],
)
def test_a_phone_shows_every_page_in_its_width(phone, name):
    frame = show(phone, name)
    heading = frame.locator("h1").bounding_box()
    assert heading["y"] >= 0
    assert heading["y"] + heading["height"] <= phone.locator("nav").first.bounding_box()["y"]
    assert fits(frame)
