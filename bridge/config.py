"""The settings of the server: their defaults, and how configs/server.yaml is read. No sockets, no models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.yaml_text import YamlError, load_yaml

PORT = 9120


class ServerConfig(BaseModel):
    """How the server runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=PORT, ge=0, le=65535)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    report: str = ""


def read_config(path: Path) -> ServerConfig:
    """Read a server's config file; what it leaves out has its default. Raises ValueError where it cannot be read."""
    try:
        return ServerConfig.model_validate(load_yaml(path.read_text(encoding="utf-8")) or {})
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except YamlError as error:
        raise ValueError(f"{path} is no config: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(ServerConfig.model_fields)
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise ValueError(f"{path}, {where}: {first['msg']}; the settings are: {known}") from error
