"""Commands in this process, as in the tests of the other commands."""

from tests.integration.cli.conftest import cli

__all__ = ["cli"]
