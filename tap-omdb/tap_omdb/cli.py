"""The command line, on which an invalid file or setting is one line rather than a traceback."""

from __future__ import annotations

import io
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from singer_sdk import Tap
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_omdb.config.files import read_catalog, read_config, read_state
from tap_omdb.config.validation import unknown_variables
from tap_omdb.message_writer import MessageWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.plugin_base import _ConfigInput


def _read_file(
    read: Callable[[str], str], _: click.Context, __: click.Parameter, path: str | None
) -> io.StringIO | None:
    """Return the text of a file in the form that the SDK expects."""
    return None if path is None else io.StringIO(read(path))


class CommandLineTap(Tap):
    """A tap whose command line reports invalid files, settings and variables in one line each."""

    message_writer_class = MessageWriter
    message_writer: MessageWriter

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """Return the command, with options that validate the files they name."""
        command = super().get_singer_command()
        options = {option.name: option for option in command.params}
        readers: dict[str, Callable[[str], str]] = {
            "state": read_state,
            "catalog": partial(read_catalog, streams=cls.stream_names()),
        }
        for name, read in readers.items():
            options[name].type = click.STRING
            options[name].callback = partial(_read_file, read)
        options["test"].type = click.Choice([choice.value for choice in CliTestOptionValue])
        return command

    @classmethod
    def stream_names(cls) -> frozenset[str]:
        """Return the names of the tap's streams."""
        raise NotImplementedError

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the files that `--config` names, once: they may be pipes."""
        given = super().cb_config(ctx, param, tuple(name for name in value if name == "ENV"))
        for name in value:
            if name != "ENV":
                given.config |= read_config(name)
        return given

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Run the connection test; the SDK would print a traceback for invalid settings here."""
        try:
            super().cb_test(ctx, param, value)
        except ConfigValidationError as error:
            for text in error.errors:
                cls.logger.error(text)  # noqa: TRY400 - the message is complete
            ctx.exit(1)

    @property
    def _env_var_config(self) -> dict[str, Any]:
        """The settings in the environment, as text; `coerce` converts them."""
        self.append_builtin_config(self.config_jsonschema)
        texts = {name: {"type": "string"} for name in self.config_jsonschema["properties"]}
        config = parse_environment_config({"properties": texts}, self._env_var_prefix)
        self._warn_of_unknown_variables(only_misspelt=False)
        return config

    def _warn_of_unknown_variables(self, *, only_misspelt: bool) -> None:
        known = self.config_jsonschema["properties"]
        for text in unknown_variables(
            os.environ, self._env_var_prefix, known, only_misspelt=only_misspelt
        ):
            self.logger.warning(text)
