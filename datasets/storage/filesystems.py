"""Filesystems of paths: local, S3 and what speaks its protocol, Google's, or another of Arrow's."""

from __future__ import annotations

import functools
import os
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs

from datasets.storage.failures import PathError, first_line, no_bucket
from datasets.storage.paths import is_local

_GIVES_UP_S = 30
# S3: a request without an answer is repeated after 6 s, six times at most: a server that freezes for 15 s, or is
# started anew, is waited for, and one that is gone is given up within a minute.
_TRIES, _REQUEST_S, _CONNECT_S = 6, 6.0, 4.0
_TEXTS = {"region", "scheme", "endpoint_override", "tls_ca_file_path"}
_SWITCHES = {
    "allow_bucket_creation", "allow_bucket_deletion", "allow_delayed_open", "anonymous",
    "check_directory_existence_before_creation", "force_virtual_addressing",
}  # fmt: skip
_NUMBERS = {"request_timeout", "connect_timeout"}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_OF_A_SERVER = "us-east-1"  # what servers other than Amazon's take, whatever they are asked for


def resolve(path: str | Path) -> tuple[pafs.FileSystem, str]:
    """Return the filesystem and the path on it; a plain path is local, made absolute with `~` expanded.

    Raises:
        PathError: the scheme is unknown, an option of the URI is, or it cannot be reached (the message names the path).
    """
    if "://" not in str(path):
        try:
            return pafs.LocalFileSystem(), str(Path(path).expanduser().absolute())
        except RuntimeError as error:
            raise PathError(f"{path}: there is no home folder of that name") from error
    uri = str(path)
    try:
        if uri.startswith("s3://"):
            return _s3(uri)
        return pafs.FileSystem.from_uri(_bounded(uri))
    except PathError:
        raise
    except (OSError, ValueError, ImportError) as error:
        raise PathError(f"cannot reach {path}: {first_line(error)}") from error


def absolute(path: str | Path) -> str:
    """Return a local path (or file:// URI) as an absolute path, another URI unchanged."""
    return resolve(path)[1] if is_local(path) else str(path)


def require_bucket(path: str | Path) -> None:
    """Check that the bucket of an s3:// URI exists; where a file is missing, the reason may be this.

    Raises:
        PathError: it does not.
    """
    uri = str(path)
    if not uri.startswith("s3://") or "allow_bucket_creation=" in uri:
        return
    filesystem, inner = resolve(uri)
    bucket = inner.partition("/")[0]
    if (filesystem, bucket) in _buckets:
        return
    try:
        missing = filesystem.get_file_info(bucket).type == pafs.FileType.NotFound
    except OSError:  # its keys may read files, and not ask for buckets
        return
    if missing:
        raise PathError(f"cannot reach {path}: {no_bucket(bucket)}")
    _buckets.append((filesystem, bucket))


_buckets: list[tuple[pafs.FileSystem, str]] = []
"""Buckets that exist."""


def _bounded(uri: str) -> str:
    """Return a URI whose filesystem gives up after half a minute; Google's would try for a quarter of an hour."""
    if uri.startswith(("gs://", "gcs://")) and "retry_limit_seconds=" not in uri:
        return f"{uri}{'&' if '?' in uri else '?'}retry_limit_seconds={_GIVES_UP_S}"
    return uri


def _s3(uri: str) -> tuple[pafs.FileSystem, str]:
    """Return the filesystem of an s3:// URI and the path on it."""
    parts = urllib.parse.urlsplit(uri)
    keys, _, bucket = parts.netloc.rpartition("@")
    if not bucket:
        raise PathError(f"{uri} names no bucket: give s3://BUCKET/FOLDER")
    options = s3_options(uri, parts.query, os.environ)
    if keys:
        access, _, secret = keys.partition(":")
        options |= {"access_key": urllib.parse.unquote(access), "secret_key": urllib.parse.unquote(secret)}
    if "region" not in options:
        options["region"] = _region_of(bucket)
    inner = f"{bucket}/{urllib.parse.unquote(parts.path).strip('/')}".rstrip("/")
    return _s3_filesystem(tuple(sorted(options.items())), _keys_of_environment()), inner


def s3_options(uri: str, query: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return Arrow's options of S3 from a URI's query and the environment.

    The variables are those that AWS's own tools read.

    Raises:
        PathError: there is no such option, or it has no such value.
    """
    options: dict[str, Any] = {}
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        if name in _TEXTS:
            options[name] = value
        elif name in _SWITCHES and value.lower() in ("true", "false", "1", "0"):
            options[name] = value.lower() in ("true", "1")
        elif name in _NUMBERS and value.replace(".", "", 1).isdigit():
            options[name] = float(value)
        else:
            known = ", ".join(sorted(_TEXTS | _SWITCHES | _NUMBERS))
            raise PathError(f"{uri}: {name}={value} is no option of S3: there are {known}")
    endpoint = options.get("endpoint_override") or next(filter(None, map(environ.get, _ENDPOINTS)), "")
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        options["endpoint_override"] = host.rstrip("/")
        if scheme:
            options.setdefault("scheme", scheme)
    region = options.get("region") or next(filter(None, map(environ.get, _REGIONS)), "")
    if region or endpoint:
        options["region"] = region or _OF_A_SERVER
    return options


@functools.lru_cache(maxsize=64)
def _s3_filesystem(options: tuple[tuple[str, Any], ...], keys: tuple[str | None, ...]) -> pafs.S3FileSystem:
    """Return a filesystem; one for all paths of the same options, because it holds connections."""
    del keys  # read by the filesystem from the environment, and here a part of what is remembered
    defaults = {"request_timeout": _REQUEST_S, "connect_timeout": _CONNECT_S}
    retries = pafs.AwsStandardS3RetryStrategy(max_attempts=_TRIES)
    return pafs.S3FileSystem(**{**defaults, **dict(options)}, retry_strategy=retries)


def _keys_of_environment() -> tuple[str | None, ...]:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
    return (*map(os.environ.get, names), str(os.getpid()))


@functools.lru_cache(maxsize=64)
def _region_of(bucket: str) -> str:
    """Return the region of a bucket at Amazon, which it is asked for."""
    return str(pafs.resolve_s3_region(bucket))
