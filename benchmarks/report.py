"""Writes results into a page: sections between markers, and a plot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def replace_section(page: Path, name: str, text: str) -> None:
    """Replace what is between a page's markers `<!-- begin NAME -->` and `<!-- end NAME -->`.

    Raises:
        ValueError: The page has no such markers.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    old = page.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(old):
        message = f"{page} has no {begin} and {end}"
        raise ValueError(message)
    new = pattern.sub(lambda _: f"{begin}\n{text}\n{end}", old)
    page.write_text(new, encoding="utf-8")


def plot(ratios: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Draw bars: for each comparison, the ratio of each contestant."""
    import matplotlib as mpl  # noqa: PLC0415 - only who draws needs it

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - once the backend is chosen

    mpl.rcParams |= {"svg.hashsalt": "pipeline", "font.size": 9}
    figure, axes = plt.subplots(
        1, len(ratios), figsize=(9, 3), layout="constrained", squeeze=False, sharey=True
    )
    for axis, (title, values) in zip(axes[0], ratios.items(), strict=True):
        names = [name.replace("`", "").replace("\\", "") for name in values]
        colours = ["#0072b2" if "tap-omdb" in name else "#999999" for name in names]
        bars = axis.barh(names, list(values.values()), color=colours)
        axis.bar_label(bars, fmt="%.2f", padding=3)
        axis.set(title=title, xlim=(0, 1.15 * max(values.values())))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].invert_yaxis()
    figure.savefig(path, metadata={"Date": None})
