"""The scripts and the style sheet of this package, and scripts in wheels of its dependencies."""

from __future__ import annotations

import base64
import os
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# In this order they are one script.
_SCRIPTS = (
    "data.js",
    "dom.js",
    "search.js",
    "filters.js",
    "summaries.js",
    "findings.js",
    "charts.js",
    "overview.js",
    "details.js",
    "person.js",
    "series.js",
    "userlists.js",
    "browse.js",
    "router.js",
)


def dashboard_script() -> str:
    """The script of this package."""
    folder = files("omdb_dashboard") / "static"
    parts = [(folder / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return '"use strict";\n' + "\n".join(parts)


def dashboard_style() -> str:
    """The style sheet of this package, with the font of its headings."""
    folder = files("omdb_dashboard") / "static"
    font = base64.b64encode((folder / "league-gothic.woff2").read_bytes()).decode("ascii")
    source = f'url("data:font/woff2;base64,{font}") format("woff2")'
    face = f'@font-face {{ font-family: "League Gothic"; src: {source}; }}'
    return f"{face}\n{(folder / 'style.css').read_text(encoding='utf-8')}"


def vega_script(cache_dir: Path) -> str:
    """Vega, Vega-Lite and Vega-Embed, bundled by vl-convert, as a script that sets `vegaEmbed`.

    Args:
        cache_dir: Where the bundle is cached, because bundling takes three seconds.
    """
    cached = cache_dir / f"vega-{version('vl-convert-python')}.js"
    if cached.exists():
        return cached.read_text(encoding="utf-8")
    # Imported here, because it is large and needed once only.
    import vl_convert  # noqa: PLC0415

    module = vl_convert.javascript_bundle("globalThis.vegaEmbed = vegaEmbed;")
    # Not a module, so that it has run when it is in the page; its names stay its own.
    bundle = f'(() => {{ "use strict";\n{module}\n}})();'
    cache_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(cached, bundle)
    return bundle


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader, or a crash, never sees a part of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
