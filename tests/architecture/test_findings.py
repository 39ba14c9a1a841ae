"""Every rule of the verdict has its section in docs/operations.md, to which the operations page points."""

import re

from tests.architecture.product import ROOT

OF_THE_PAGE = re.compile(r'rule: "([^"]+)"')
RULE = re.compile(r'rule="([^"]+)"(?: if \w+ else "([^"]+)")?')


def test_each_rule_is_explained_and_no_other() -> None:
    code = "".join(path.read_text() for path in sorted((ROOT / "marketdata" / "control").glob("*.py")))
    rules = {rule for found in RULE.findall(code) for rule in found if rule}
    page = sorted((ROOT / "widgets" / "client" / "src" / "operations").glob("*.ts"))
    rules |= set(OF_THE_PAGE.findall("".join(path.read_text() for path in page)))
    findings = (ROOT / "docs" / "operations.md").read_text().partition("## Findings")[2]
    assert {"source unread", "broker away", "broker blocked", "no news"} <= rules
    assert set(re.findall(r"^### (.+)$", findings, re.MULTILINE)) == rules
