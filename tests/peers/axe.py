"""axe-core: what on a page keeps people out who see, hear or point otherwise (WCAG 2.1 A and AA, and good practice)."""

from __future__ import annotations

from tests.peers.pexip import NPM
from tests.peers.tab import Tab

_RUN = """async () => {
  const found = await axe.run({ resultTypes: ["violations"] });
  return found.violations.map(rule => [rule.id, ...rule.nodes.map(node => node.html + ": " + node.failureSummary)]);
}"""


def complaints(tab: Tab) -> list[str]:
    """What axe-core finds on the page as it is now, one text for each rule that it breaks."""
    if not tab.evaluate("typeof axe === 'object'"):
        tab.evaluate((NPM / "node_modules" / "axe-core" / "axe.min.js").read_text())
    return ["\n  ".join(rule) for rule in tab.evaluate(_RUN)]
