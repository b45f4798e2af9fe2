"""The version, from the installed package."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("lastpage")
except PackageNotFoundError:  # run from a checkout that is not installed
    VERSION = "0"
