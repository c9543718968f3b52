"""The location of the database cluster, if its account cannot enter the data directory."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_postgres.privileges import can_enter

if TYPE_CHECKING:
    from embedded_postgres.privileges import Account

logger = logging.getLogger(__name__)

FALLBACK_ROOT = Path("/var/lib/embedded-postgres")


def choose_location(data_dir: Path, account: Account | None) -> Path:
    """Choose the directory of `data` and `log` at a first start; created if missing.

    Args:
        data_dir: The data directory; it exists.
        account: The account that the server will run as.

    Returns:
        The data directory; or, if the account cannot enter that, a directory in `/var/lib` with a
        name derived from it.
    """
    if can_enter(data_dir, account):
        return data_dir
    # The readable part helps to find the project; the hash distinguishes equal names.
    readable = re.sub(r"[^\w.-]+", "-", data_dir.parent.name).strip("-.")[:40] or "data"
    name = f"{readable}-{hashlib.sha256(bytes(data_dir)).hexdigest()[:8]}"
    location, attempt = FALLBACK_ROOT / name, 1
    # The data of a data directory that was moved or deleted is neither used nor removed.
    while location.exists():
        logger.warning(
            "An earlier %s left its data in %s: delete it if unused.", data_dir, location
        )
        attempt += 1
        location = FALLBACK_ROOT / f"{name}-{attempt}"
    if not FALLBACK_ROOT.exists():
        FALLBACK_ROOT.mkdir(parents=True)
        FALLBACK_ROOT.chmod(0o755)  # whatever the umask: the account must be able to enter
    location.mkdir()
    location.chmod(0o755)
    return location
