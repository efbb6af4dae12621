"""The Grafana dashboard: every expression names what exists, nothing overlaps."""

import json
import re

import pytest
import yaml

from deploy.documents import DEPLOY
from deploy.expressions import complaints, read

BOARD = json.loads((DEPLOY / "grafana" / "spanwarden.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]


def plain(expression):
    """Return an expression as Prometheus gets it: Grafana's intervals filled in."""
    return expression.replace("$__rate_interval", "5m").replace("$__range", "6h")


@pytest.mark.parametrize(("title", "expression"), QUERIES)
def test_an_expression_names_metrics_and_labels_that_exist(title, expression):
    assert complaints(plain(expression)) == []


@pytest.mark.parametrize(("title", "expression"), QUERIES)
def test_every_selector_obeys_the_variables(title, expression):
    for selector in read(plain(expression)).selectors:
        assert {"job", "instance"} <= set(selector.labels), selector
    assert set(re.findall(r"\$(\w+)", expression)) <= {*VARIABLES, "__rate_interval", "__range"}


def test_every_legend_names_labels_that_are_kept():
    for panel in PANELS:
        for target in panel["targets"]:
            kept = read(plain(target["expr"])).grouped
            if " by (" not in target["expr"]:
                kept |= {"instance", "job", "exporter", "transport"}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept, panel["title"]


def test_the_data_source_is_chosen_by_the_reader():
    assert VARIABLES["datasource"]["type"] == "datasource"
    for panel in PANELS:
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]


def test_variables_ask_for_labels_of_metrics_that_exist():
    for name in ("job", "instance"):
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", VARIABLES[name]["query"]["query"]).groups()
        assert label == name
        assert complaints(selector) == []


def test_panels_have_their_own_ids_and_places_and_say_what_they_show():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in PANELS:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
    assert BOARD["uid"] == "spanwarden"
    assert BOARD["schemaVersion"] >= 36


@pytest.mark.integration
def test_promtool_parses_every_expression(promtool, tmp_path):
    rules = [{"record": f"board:{index}", "expr": plain(text)} for index, (_, text) in enumerate(QUERIES)]
    path = tmp_path / "board.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}), encoding="utf-8")
    code, said = promtool("check", "rules", path)
    assert code == 0, said
    assert f"{len(QUERIES)} rules found" in said
