"""The report in a browser without a network, as a reviewer would open it."""

import os
import re
import shutil

import pandas as pd
import pytest
from playwright.sync_api import sync_playwright
from runner import run

from dropleak.report import pages
from dropleak.tables import parquet
from dropleak.tables.schemas import CLAIMS, INTERPRETATIONS

BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")
REQUIRED = os.environ.get("BROWSER_TESTS") == "required"

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


@pytest.fixture
def page(chromium, report):
    """The report's first page; checks at the end that the browser reported no error."""
    context = chromium.new_context(offline=True, viewport={"width": 1400, "height": 900})
    page, errors = context.new_page(), []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url[:100]))
    page.goto(report.as_uri())
    page.get_by_text("Claims", exact=True).first.wait_for()
    yield page
    context.close()
    assert errors == []


def show(page, category, index=0):
    """Open a category's result; returns the frame that shows it."""
    page.get_by_text(category, exact=True).first.click()
    page.locator("a[iconname=eye]").nth(index).click()
    return page.frame_locator("iframe")


def test_the_first_page_counts_the_verdicts_and_has_the_picture_of_the_workflow(page, finished):
    claims = pd.read_csv(finished[0] / "results/small/tables/claims.csv")
    text = page.inner_text("#app")
    for verdict, count in claims["verdict"].value_counts().items():
        assert re.search(rf"\b{count} (is|are) {verdict}\b", text)
    page.locator(".chart-wrapper canvas").wait_for()
    drawn = page.evaluate("rulegraph_spec.data[0].values.map(node => node.rule)")
    assert {"images", "attack", "join_attacks", "evaluate_claims", "provenance"} <= set(drawn)


def test_the_first_page_can_be_read_from_its_top(page):
    """Snakemake centres it: what does not fit is above the window, and cannot be scrolled to."""
    page.locator(".chart-wrapper canvas").wait_for()
    for part in (
        "Dropout against Deep Leakage from Gradients",
        "tests of claims",
        "Run how they were made",
    ):
        box = page.locator("p", has_text=part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 900
    assert page.locator(".chart-wrapper canvas").bounding_box()["y"] >= 0


def test_every_link_of_the_first_page_leads_somewhere(page):
    links = page.locator("a[href^='javascript']")
    names = links.all_inner_texts()
    assert names == ["Claims", "Figures", "Tables", "Run"]
    for index, name in enumerate(names):
        page.reload()
        links.nth(index).click()
        page.locator("a[iconname=eye]").first.wait_for()
        assert f"Results\n{name}" in page.inner_text("#app")


def test_the_claims_table_comes_first_and_can_be_read(page, finished):
    claims = pd.read_csv(finished[0] / "results/small/tables/claims.csv")
    interpretations = pd.read_csv(finished[0] / "results/small/tables/interpretations.csv")
    categories = page.locator("ul", has_text="Claims").last.inner_text().split()
    assert categories[categories.index("RESULTS") + 1] == "Claims"
    frame = show(page, "Claims")
    rows = frame.locator("#claims tbody tr")
    rows.first.wait_for()
    assert rows.count() == len(claims)
    for index, claim in enumerate(claims.itertuples()):
        text = rows.nth(index).inner_text()
        assert claim.verdict in text
        assert claim.statement in text
        assert claim.rule in text
    assert frame.locator("#interpretations tbody tr").count() == len(interpretations)
    assert frame.locator("html").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_the_widest_numbers_fit_beside_the_lists_of_results(chromium, finished, tmp_path):
    folder = finished[0] / "results" / "small" / "tables"
    claims = parquet.read(folder / "claims.parquet", CLAIMS)
    interpretations = parquet.read(folder / "interpretations.parquet", INTERPRETATIONS).to_pandas()
    interpretations[interpretations.select_dtypes("float").columns] = 5.28e11
    interpretations["attacker"] = "dropout-inversion"
    wide = parquet.build(INTERPRETATIONS, interpretations)
    path = tmp_path / "claims.html"
    path.write_text(
        pages.claims_page(claims, wide, {"experiment": "wide", "images": 3}, "digits"),
        encoding="utf-8",
    )
    page = chromium.new_page(viewport={"width": 1036, "height": 900})  # of a window of 1400
    page.goto(path.as_uri())
    assert page.locator("html").evaluate("e => e.scrollWidth <= e.clientWidth")
    page.close()


def test_every_figure_loads_and_has_numbers_from_the_tables_in_its_caption(page, finished):
    page.get_by_text("Figures", exact=True).first.click()
    eyes = page.locator("a[iconname=eye]")
    folder = finished[0] / "results" / "small"
    assert eyes.count() == len(list((folder / "figures").glob("*.png")))
    for index in range(eyes.count()):
        eyes.nth(index).click()
        picture = page.locator("img[src*='image/png']")
        picture.wait_for()
        assert picture.evaluate("image => image.complete && image.naturalWidth") > 500
    captions = {
        name.rsplit("/", 1)[-1]: caption
        for name, caption in page.evaluate(
            "Object.entries(results).map(([name, result]) => [name, result.caption])"
        )
        if name.endswith(".png")
    }
    summary = pd.read_csv(folder / "tables" / "summary.csv").set_index(["attacker", "dropout_rate"])
    mean = summary.loc[("idlg-ignore", 0.5), "rmse_clipped_mean"]
    text = captions["figure4-rmse-by-rate_lenet_idlg-ignore.png"]
    assert "after 40 iterations of attacker\nidlg-ignore on 3 images of digits" in text
    assert f"{mean:.3f} (" in text
    for name, text in captions.items():
        numbers = (folder / "report" / name).with_suffix(".rst").read_text(encoding="utf-8")
        assert numbers.split("``")[0].strip() in text


def test_figures_can_be_found_by_client_and_attacker(page):
    page.get_by_text("Figures", exact=True).first.click()
    text = page.locator("table").first.inner_text()
    assert text.split("\n")[0].split() == ["FIGURE", "SHOWS", "CLIENT", "ATTACKER"]
    for label in ("lenet", "idlg", "idlg-ignore"):
        assert page.get_by_role("cell", name=label, exact=True).first.is_visible()


def test_the_run_is_described(page, finished):
    frame = show(page, "Run")
    methods = (finished[0] / "results/small/report/methods.tex").read_text(encoding="utf-8")
    assert frame.locator("#methods").inner_text().strip() == methods.strip()
    assert "@misc{zheng2021dropout" in frame.locator("#references").inner_text()
    assert "iterations: 40" in frame.locator("#configuration").inner_text()
    assert "torch" in frame.locator("#versions").inner_text()
    outcomes = frame.locator("#outcomes").inner_text()
    assert "Stalled" in outcomes
    assert "Diverged" in outcomes
    assert "attack" in frame.locator("#hours").inner_text()


def test_tables_are_shown_with_descriptions_of_their_columns(page, finished):
    frame = show(page, "Tables", 1)
    frame.locator("tbody tr").first.wait_for()
    summary = pd.read_csv(finished[0] / "results/small/tables/summary.csv")
    assert frame.locator("tbody tr").count() == len(summary)
    assert frame.locator("th").first.get_attribute("title") == "name of the client"


def test_the_time_of_every_rule_is_shown(page):
    page.get_by_text("Statistics", exact=True).first.click()
    page.locator("#runtimes canvas").wait_for()
    drawn = page.evaluate("runtimes_spec.data.values.map(job => job.rule)")
    assert {"attack", "train", "evaluate_claims", "provenance"} <= set(drawn)
