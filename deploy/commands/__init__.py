"""The commands of `huiying`, one module each (or one per group of them).

A module here has `register(app)`, which adds its commands. Such a module imports at its top only what its
command line needs (typer and the standard library); heavy parts are imported inside the command, because
every start of `huiying` imports every module here.
"""

import importlib
import pkgutil

import typer

__all__ = ["register_all"]


def register_all(app: typer.Typer) -> None:
    """Add the commands of every module in this package to `app`, in the modules' alphabetical order."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        importlib.import_module(f"{__name__}.{module.name}").register(app)
