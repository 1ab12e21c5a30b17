"""A small S3 in memory, which fails on demand: for tests that a real one cannot cause."""

from __future__ import annotations

import contextlib
import io
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from xml.sax.saxutils import escape

_CODES = {403: "AccessDenied", 404: "NoSuchBucket", 500: "InternalError"}
Fault = Callable[[str, str], int]
"""From a request's method and path to the status to answer with: 0 none of its own, -1 no answer."""


@dataclass
class S3:
    """A server with one bucket, "bucket"."""

    address: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    """Content by BUCKET/KEY."""
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """Parts of unfinished uploads."""
    fault: Fault = lambda *_: 0
    timeout_s: int = 20
    """Of a request: more than a busy machine takes, but for a test in which there is no answer."""
    requests: list[str] = field(default_factory=list)

    def uri(self, *names: str) -> str:
        """Return a URI of a place in the bucket."""
        options = f"scheme=http&endpoint_override={self.address}"
        options += f"&request_timeout={self.timeout_s}&connect_timeout={self.timeout_s}"
        return f"s3://{'/'.join(('bucket', *names))}?{options}"


@contextlib.contextmanager
def s3_server(monkeypatch_env: Callable[[str, str], None]) -> Iterator[S3]:
    """Run a server; `monkeypatch_env` sets the variables of the access keys."""
    state = S3()

    class Handler(_Handler):
        s3 = state

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.address = f"127.0.0.1:{server.server_address[1]}"
        monkeypatch_env("AWS_ACCESS_KEY_ID", "key")
        monkeypatch_env("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch_env("AWS_EC2_METADATA_DISABLED", "true")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    s3: ClassVar[S3]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def handle_any(self) -> None:
        """Answer a request, or fail as asked."""
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        key, body = urllib.parse.unquote(url.path).lstrip("/"), self._body()
        self.s3.requests.append(f"{self.command} {self.path}")
        status = self.s3.fault(self.command, self.path)
        if status < 0:
            time.sleep(2)
            self.close_connection = True
            return
        if key.partition("/")[0] != "bucket":
            status = status or 404
        if status:
            code = _CODES[status]
            self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())
            return
        getattr(self, f"_{self.command.lower()}")(key, query, body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return body
        stream, whole = io.BytesIO(body), b""
        while size := int(stream.readline().partition(b";")[0], 16):
            whole += stream.read(size)
            stream.readline()
        return whole

    def _answer(self, status: int, body: bytes = b"", **headers: Any) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Content-Length", str(headers.get("size", len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, key: str, query: dict[str, str], body: bytes) -> None:
        del query, body
        content = self.s3.objects.get(key)
        if key.rstrip("/") == "bucket":
            self._answer(200)
        elif content is None:
            self._answer(404)
        else:
            self._answer(200, size=len(content), ETag='"1"', Last_Modified="Fri, 27 Nov 2026 10:00:00 GMT")

    def _get(self, key: str, query: dict[str, str], body: bytes) -> None:
        del body
        if "list-type" in query:
            self._answer(200, self._listed(query.get("prefix", ""), query.get("delimiter", "")))
            return
        content = self.s3.objects.get(key)
        if content is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>")
            return
        start, _, end = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = content[int(start) : int(end) + 1 if end else None]
        self._answer(206, part, Content_Range=f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}")

    def _listed(self, prefix: str, delimiter: str) -> bytes:
        names, folders = [], set()
        for path in sorted(self.s3.objects):
            key = path.removeprefix("bucket/")
            if key.startswith(prefix):
                head, sign, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
                folders.update({prefix + head + sign} if sign else ())
                names += [] if sign else [key]
        files = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>2026-11-27T10:00:00.000Z</LastModified>"
            f"<Size>{len(self.s3.objects[f'bucket/{name}'])}</Size></Contents>"
            for name in names
        )
        common = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(folders))
        count = len(names) + len(folders)
        head = f"<Name>bucket</Name><KeyCount>{count}</KeyCount><IsTruncated>false</IsTruncated>"
        return f"<ListBucketResult>{head}{files}{common}</ListBucketResult>".encode()

    def _put(self, key: str, query: dict[str, str], body: bytes) -> None:
        if source := self.headers.get("x-amz-copy-source"):
            self.s3.objects[key] = self.s3.objects[urllib.parse.unquote(source).lstrip("/")]
            self._answer(200, b"<CopyObjectResult><ETag>1</ETag></CopyObjectResult>")
        elif upload := query.get("uploadId"):
            self.s3.parts.setdefault(upload, {})[int(query["partNumber"])] = body
            self._answer(200, ETag='"1"')
        else:
            self.s3.objects[key] = body
            self._answer(200, ETag='"1"')

    def _post(self, key: str, query: dict[str, str], body: bytes) -> None:
        if "delete" in query:
            for element in ET.fromstring(body).iter():
                if element.tag.endswith("Key"):
                    self.s3.objects.pop(f"bucket/{element.text}", None)
            self._answer(200, b"<DeleteResult></DeleteResult>")
        elif upload := query.get("uploadId"):
            parts = self.s3.parts.pop(upload)
            self.s3.objects[key] = b"".join(parts[number] for number in sorted(parts))
            self._answer(200, b"<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>")
        else:
            text = f"<InitiateMultipartUploadResult><UploadId>{key}</UploadId></InitiateMultipartUploadResult>"
            self._answer(200, text.encode())

    def _delete(self, key: str, query: dict[str, str], body: bytes) -> None:
        del query, body
        self.s3.objects.pop(key, None)
        self._answer(204)
