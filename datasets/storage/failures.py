"""Failures of remote storage, in one sentence that says what to do."""

from __future__ import annotations

import re

_REMOTE = re.compile(r"AWS Error|google::cloud|curl|Bucket '.*' not found", re.IGNORECASE)  # they have no number
_BUCKET = re.compile(r"[Bb]ucket '([^']+)'")
_KEYS = re.compile(
    r"ACCESS_DENIED|InvalidAccessKeyId|INVALID_ACCESS_KEY|INVALID_CLIENT_TOKEN|SIGNATURE|Forbidden|HTTP status 40[13]"
    r"|UNRECOGNIZED_CLIENT|EXPIRED_TOKEN|PERMISSION_DENIED|UNAUTHENTICATED|invalid_grant",
    re.IGNORECASE,
)
_NO_BUCKET = re.compile(r"NO_SUCH_BUCKET|Bucket '.*' not found|bucket does not exist", re.IGNORECASE)
_GONE = re.compile(r"NETWORK_CONNECTION|curlCode|UNAVAILABLE|timed? ?out|Could not connect", re.IGNORECASE)
_LONGEST = 300


class PathError(ValueError):
    """A path or URI without a usable filesystem."""


def is_remote(error: BaseException) -> bool:
    """Return whether an error is one of remote storage, by Arrow's text."""
    return isinstance(error, OSError) and bool(_REMOTE.search(str(error)))


def explained(error: BaseException) -> str:
    """Return a remote storage's failure and its remedy, as a sentence without a full stop."""
    text = str(error)
    found = _BUCKET.search(text)
    bucket = f"the bucket {found[1]}" if found else "the bucket"
    if _NO_BUCKET.search(text):
        return no_bucket(found[1] if found else "")
    if _KEYS.search(text):
        return (
            f"the remote storage refuses the access keys for {bucket} ({first_line(error)}): check AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY or the role of the machine, and what they may do there"
        )
    if _GONE.search(text):
        return (
            f"the remote storage does not answer, after several tries ({first_line(error)}): check the network, and "
            "for S3 AWS_ENDPOINT_URL"
        )
    return f"the remote storage failed: {first_line(error)}"


def no_bucket(name: str) -> str:
    """Return the sentence on a bucket that is missing."""
    return (
        f"the bucket{f' {name}' if name else ''} does not exist on the remote storage: create it, or correct its name"
    )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, in short."""
    lines = str(error).strip().splitlines()
    return re.sub(r" \(Request ID:.*\)$", "", lines[0])[:_LONGEST] if lines else type(error).__name__
