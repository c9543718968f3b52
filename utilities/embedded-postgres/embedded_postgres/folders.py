"""Where the data can live: in the home, unless the server's account cannot reach that."""

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

ELSEWHERE = Path("/var/lib/embedded-postgres")


def folder_for(home: Path, account: Account | None) -> Path:
    """The folder for `data` and `log` at a first start; made if absent.

    Args:
        home: The home folder; it exists.
        account: Who the server will run as.

    Returns:
        The home; or, where the account cannot enter it, a folder under `/var/lib` named after it.
    """
    if can_enter(home, account):
        return home
    # The name leads a reader back to the project; the hash keeps equal names apart.
    readable = re.sub(r"[^\w.-]+", "-", home.parent.name).strip("-.")[:40] or "home"
    name = f"{readable}-{hashlib.sha256(bytes(home)).hexdigest()[:8]}"
    folder, attempt = ELSEWHERE / name, 1
    # Data of a home that was moved or deleted may be there: it is not ours to use or to remove.
    while folder.exists():
        logger.warning("An earlier %s left its data in %s: delete it if unused.", home, folder)
        attempt += 1
        folder = ELSEWHERE / f"{name}-{attempt}"
    if not ELSEWHERE.exists():
        ELSEWHERE.mkdir(parents=True)
        ELSEWHERE.chmod(0o755)  # whatever the umask: the account must get through
    folder.mkdir()
    folder.chmod(0o755)
    return folder
