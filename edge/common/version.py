"""Version of the package, where every part of it can import it, and versions of others."""

from __future__ import annotations

__version__ = "0.1.0"


def package_version(package: str) -> str:
    """Return the version of an installed package, or an empty string.

    Args:
        package: name by which pip knows it.
    """
    # Not at the top: `import edgeemo` reads this module.
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
