"""Clients of AWS services: the only place that makes them.

Region, credentials and endpoints come as with every program that uses boto3 (environment, profile, role); `[aws]` and `[handlers.NAME]`
may name region and endpoint themselves.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from inbox.errors import ConfigError

_CONNECT, _READ, _ATTEMPTS = 5, 25, 3
"""Seconds, and how often a call is made until it succeeds. A function that SES waits for has 30 seconds in all."""


def client(service: str, settings: Mapping[str, Any] | None = None, *, read_timeout: float = _READ, attempts: int = _ATTEMPTS) -> Any:
    """A boto3 client for a service (`s3`, `sns`, `lambda` …), made once a process; clients are safe in threads.

    `settings`: may hold `region` and `endpoint`. `attempts`: 1 for calls that must not be made twice in a row. Raises ConfigError when boto3 or a region is missing.
    """
    given = settings or {}
    return _made(service, given.get("region"), given.get("endpoint"), read_timeout, attempts, os.getpid())


@lru_cache(maxsize=64)
def _made(service: str, region: str | None, endpoint: str | None, read_timeout: float, attempts: int, _process: int) -> Any:
    try:
        import boto3  # noqa: PLC0415  slow to import, and an extra
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import NoRegionError  # noqa: PLC0415
    except ImportError:
        raise ConfigError("AWS needs boto3: pip install 'inboxd[aws]'") from None
    config = Config(connect_timeout=_CONNECT, read_timeout=read_timeout, retries={"mode": "standard", "total_max_attempts": attempts})
    try:
        return boto3.session.Session().client(service, region_name=region, endpoint_url=endpoint, config=config)
    except NoRegionError:
        raise ConfigError(f"no AWS region is known for {service}: set AWS_DEFAULT_REGION, or `region` in [aws] of inbox.toml") from None
    except ValueError as error:
        raise ConfigError(f"the endpoint {endpoint!r} is no web address: {error}; write http://HOST:PORT") from None
