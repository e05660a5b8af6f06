"""A reference to a secret, and the one place where it becomes the secret itself.

The reference is what lives in estate.yaml, in run config and in repr; the value only ever in the client that uses it.
"""

import os
from pathlib import Path

import dagster as dg

from governance.errors import ConfigurationError


class Secret(dg.Config):
    """`{env: NAME}` or `{file: PATH}`, exactly one of them."""

    env: str | None = None
    file: str | None = None

    def reveal(self, field: str) -> str:
        """The secret's text, a final newline of a file removed.

        Args:
            field: where the reference stands, such as `sources.lake.connection.secret_key`, for the message.

        Raises:
            ConfigurationError: the variable or the file is missing or empty.
        """
        if (self.env is None) == (self.file is None):
            raise ConfigurationError(
                "a secret is either {env: NAME} or {file: PATH}",
                platform="estate",
                operation=field,
                remedy=f"write `{field.rpartition('.')[2]}: {{env: NAME}}` in estate.yaml",
            )
        if self.env is not None:
            value = os.environ.get(self.env, "")
            if not value:
                raise ConfigurationError(
                    f"the environment variable {self.env} is not set",
                    platform="estate",
                    operation=field,
                    remedy=f"export {self.env} where `governance` and the Dagster code location run",
                )
            return value
        path = Path(str(self.file)).expanduser()
        try:
            value = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the secret file {path} cannot be read: {error}",
                platform="estate",
                operation=field,
                remedy="make the file readable to the user that runs Dagster, or name another one",
            ) from error
        if not value:
            raise ConfigurationError(
                f"the secret file {path} is empty",
                platform="estate",
                operation=field,
                remedy="write the secret into it",
            )
        return value
