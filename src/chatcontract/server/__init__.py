"""The reference server: keeps the contract without a model, or breaks it on request."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatcontract.server.app import App
    from chatcontract.server.service import Settings
    from chatcontract.server.uvicorn_ import running

__all__ = ["App", "Settings", "running"]
_HOMES = {"App": "app", "Settings": "service", "running": "uvicorn_"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
