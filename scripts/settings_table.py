"""Write the tap's settings into its README, or check that they stand there: `--check`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "tap-omdb/README.md"
BLOCK = re.compile(r"(<!-- settings: .*? -->\n)(.*?)(<!-- /settings -->)", re.DOTALL)


def main(*, check: bool) -> int:
    """Bring the README up to date, or return 1 if it is not."""
    about = [sys.executable, "-m", "tap_omdb", "--about", "--format=markdown"]
    markdown = subprocess.run(about, check=True, capture_output=True, text=True).stdout  # noqa: S603
    table = markdown.partition("## Settings\n\n")[2].partition("\n\n")[0]
    before = README.read_text(encoding="utf-8")
    after = BLOCK.sub(lambda match: f"{match[1]}\n{table}\n\n{match[3]}", before)
    if before == after:
        return 0
    if check:
        print("tap-omdb/README.md: the settings are out of date; run make docs", file=sys.stderr)  # noqa: T201
        return 1
    README.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
