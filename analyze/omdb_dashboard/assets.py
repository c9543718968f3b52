"""Scripts and style sheets: those of this package, and those in the wheels of its dependencies."""

from __future__ import annotations

import os
import re
import tempfile
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# In this order they are one script.
_SCRIPTS = (
    "data.js",
    "dom.js",
    "address.js",
    "charts.js",
    "lists.js",
    "movie.js",
    "browse.js",
    "router.js",
)

_DEFAULT_EXPORT = re.compile(r"\bexport\s*\{[^{}]*?\b([\w$]+) as default\b[^{}]*\}")


def dashboard_script() -> str:
    """The script of this package."""
    folder = files("omdb_dashboard") / "static"
    parts = [(folder / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return '"use strict";\n' + "\n".join(parts)


def dashboard_style() -> str:
    """The style sheet of this package."""
    return (files("omdb_dashboard") / "static" / "style.css").read_text(encoding="utf-8")


def datatables_style() -> str:
    """DataTables' style sheet, from the wheel of itables."""
    return (files("itables") / "html" / "dt_bundle.css").read_text(encoding="utf-8")


def datatables_script() -> str:
    """DataTables, from the wheel of itables, as a module that sets the global `DataTable`.

    Raises:
        ValueError: The bundle no longer ends with one list of exports with a default.
    """
    bundle = (files("itables") / "html" / "dt_bundle.js").read_text(encoding="utf-8")
    # An inline script cannot be imported, so its default export becomes a global.
    script, count = _DEFAULT_EXPORT.subn(r"globalThis.DataTable = \1", bundle)
    if count != 1:
        message = f"itables {version('itables')}: no default export in dt_bundle.js"
        raise ValueError(message)
    return script


def vega_script(cache_dir: Path) -> str:
    """Vega, Vega-Lite and Vega-Embed, bundled by vl-convert, as a module that sets `vegaEmbed`.

    Args:
        cache_dir: Where the bundle is cached, because bundling takes three seconds.
    """
    cached = cache_dir / f"vega-{version('vl-convert-python')}.js"
    if cached.exists():
        return cached.read_text(encoding="utf-8")
    # Imported here, because it is large and needed once only.
    import vl_convert  # noqa: PLC0415

    bundle = vl_convert.javascript_bundle("globalThis.vegaEmbed = vegaEmbed;")
    cache_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(cached, bundle)
    return bundle


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader, or a crash, never sees a part of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(name, 0o666 & ~_umask())  # noqa: PTH101
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
