"""Keys and passwords, made at the first start and readable by their owner alone."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from local_airflow.errors import LocalAirflowError

if TYPE_CHECKING:
    from pathlib import Path

_KEY_BYTES = 32


@dataclass(frozen=True)
class Secrets:
    """Keys and passwords of one installation.

    Attributes:
        fernet_key: Encrypts connections in the metadata database.
        jwt_secret: Signs the tokens with which tasks and users call the API server.
        api_secret: Signs the sessions of the web interface.
        admin_password: Of the user `admin`.
        broker_password: Of the broker.
    """

    fernet_key: str
    jwt_secret: str
    api_secret: str
    admin_password: str
    broker_password: str

    @classmethod
    def generate(cls) -> Secrets:
        """Return new ones."""
        return cls(
            base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode(),
            *(secrets.token_urlsafe(_KEY_BYTES) for _ in range(2)),
            *(secrets.token_urlsafe(15) for _ in range(2)),
        )


def load_or_create(path: Path) -> Secrets:
    """Return the secrets in a file, after creating it if it is missing.

    Raises:
        LocalAirflowError: The file has something else.
    """
    try:
        return Secrets(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        created = Secrets.generate()
        write_private(path, json.dumps(asdict(created), indent=2))
        return created
    except (TypeError, ValueError) as error:
        message = f"{path} cannot be read: delete it, and it is made anew"
        raise LocalAirflowError(message) from error


def write_private(path: Path, text: str) -> None:
    """Replace a file with one that only its owner can read."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
    temporary.replace(path)
