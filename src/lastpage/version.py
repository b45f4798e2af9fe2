"""The version. `pyproject.toml` reads it from here, so nothing has to look for the package."""

__version__ = "0.1.0"
