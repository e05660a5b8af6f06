"""A Glue endpoint that costs almost nothing to answer: every page is rendered to bytes at start.

Raw asyncio protocol, HTTP/1.1 keep-alive, no signature check. Answers GetDatabases,
GetDatabase, GetTables, GetTable, SearchTables, GetPartitions(empty), GetTags(empty), STS
GetCallerIdentity. Pages hold --page-size tables (Glue's own cap is 100) whatever
MaxResults says, unless it is smaller.

  --latency-ms  a fixed service time added to each answer (real Glue is never 0)
  --throttle-every N  every Nth call is answered 400 ThrottlingException
  --change K    the first K tables of each database get another Description and VersionId
"""

import argparse
import asyncio
import json
import signal
import time
from typing import Any

from bench import shape

EPOCH = 1.7e9


def render(a: argparse.Namespace) -> tuple[dict[str, Any], dict[str, bytes], dict[Any, bytes], dict[Any, bytes]]:
    """Databases by name, pages of databases, pages of tables, single tables."""
    dbs: list[dict[str, Any]] = [
        {
            "Name": shape.db_name(i),
            "Description": f"synthetic database {i}",
            "CreateTime": EPOCH,
            "CatalogId": "123456789012",
            "LocationUri": f"s3://lake-{i}/",
        }
        for i in range(a.databases)
    ]
    pages, tables = {}, {}
    for i in range(a.databases):
        rows = []
        for j in range(a.tables):
            t = shape.table_input(i, j, a.columns)
            v = 0
            if j < a.change:
                t["Description"] += " (changed)"
                v = 1
            t.update(
                DatabaseName=shape.db_name(i),
                CatalogId="123456789012",
                CreateTime=EPOCH,
                UpdateTime=EPOCH + v,
                VersionId=str(v),
                Retention=0,
                CreatedBy="arn:aws:iam::123456789012:user/seed",
                IsRegisteredWithLakeFormation=False,
            )
            rows.append(json.dumps(t, separators=(",", ":")).encode())
            if a.point_reads:
                tables[shape.db_name(i), shape.table_name(j)] = b'{"Table":' + rows[-1] + b"}"
        for s in range(0, max(len(rows), 1), a.page_size):
            e = s + a.page_size
            tail = (b'],"NextToken":"%d"}' % e) if e < len(rows) else b"]}"
            pages[shape.db_name(i), str(s)] = b'{"TableList":[' + b",".join(rows[s:e]) + tail
    dbpages = {}
    for s in range(0, max(len(dbs), 1), 100):
        body: dict[str, Any] = {"DatabaseList": dbs[s : s + 100]}
        if s + 100 < len(dbs):
            body["NextToken"] = str(s + 100)
        dbpages[str(s)] = json.dumps(body).encode()
    return {d["Name"]: d for d in dbs}, dbpages, pages, tables


class Glue(asyncio.Protocol):
    """One connection: HTTP/1.1 with keep-alive."""

    def __init__(self, app: "App") -> None:
        self.app, self.buf = app, b""
        self.tr: Any = None

    def connection_made(self, tr: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self.tr = tr

    def data_received(self, data: bytes) -> None:
        """Answers every request that is whole."""
        self.buf += data
        while True:
            h = self.buf.find(b"\r\n\r\n")
            if h < 0:
                return
            head = self.buf[:h].decode("latin-1").split("\r\n")
            hdr = {}
            for line in head[1:]:
                k, _, v = line.partition(":")
                hdr[k.lower()] = v.strip()
            n = int(hdr.get("content-length", 0))
            if hdr.get("expect"):
                self.tr.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                hdr.pop("expect")
            if len(self.buf) < h + 4 + n:
                return
            body = self.buf[h + 4 : h + 4 + n]
            self.buf = self.buf[h + 4 + n :]
            status, ct, out = self.app.answer(hdr.get("x-amz-target", ""), body)
            msg = (
                b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
                b"x-amzn-RequestId: 0\r\n\r\n" % (status, ct, len(out))
            ) + out
            if self.app.latency:
                asyncio.get_running_loop().call_later(self.app.latency, self.tr.write, msg)
            else:
                self.tr.write(msg)


class App:
    """What the endpoint knows and what it answers."""

    JSON = b"application/x-amz-json-1.1"

    def __init__(self, a: argparse.Namespace) -> None:
        self.dbs, self.dbpages, self.pages, self.tables = render(a)
        # SearchTables walks the same pages, one database after the other
        keys = list(self.pages)
        self.search = {}
        for n, k in enumerate(keys):
            body = self.pages[k]
            cut = body.rindex(b"]")
            tail = b'],"NextToken":"%d"}' % (n + 1) if n + 1 < len(keys) else b"]}"
            self.search[str(n)] = body[:cut] + tail
        self.latency, self.every = a.latency_ms / 1000, a.throttle_every
        self.calls: dict[str, int] = {}
        self.n = 0

    def answer(self, target: str, body: bytes) -> tuple[bytes, bytes, bytes]:
        """Status line, content type and body."""
        op = target.rpartition(".")[2]
        self.calls[op] = self.calls.get(op, 0) + 1
        self.n += 1
        if self.every and self.n % self.every == 0:
            return (b"400 Bad Request", self.JSON, b'{"__type":"ThrottlingException","Message":"Rate exceeded"}')
        if not op:  # query protocol: STS
            return (
                b"200 OK",
                b"text/xml",
                (
                    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
                    b"<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/seed</Arn>"
                    b"<UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
                    b"</GetCallerIdentityResponse>"
                ),
            )
        q = json.loads(body or b"{}")
        if op == "GetTables":
            out = self.pages.get((q.get("DatabaseName"), q.get("NextToken") or "0"))
        elif op == "GetDatabases":
            out = self.dbpages.get(q.get("NextToken") or "0")
        elif op == "GetTable":
            out = self.tables.get((q.get("DatabaseName"), q.get("Name")))
        elif op == "GetDatabase":
            d = self.dbs.get(q.get("Name"))
            out = d and json.dumps({"Database": d}).encode()
        elif op == "SearchTables":
            out = self.search.get(q.get("NextToken") or "0")
        elif op == "GetPartitions":
            out = b'{"Partitions":[]}'
        elif op == "GetTags":
            out = b'{"Tags":{}}'
        elif op == "GetJobs":
            out = b'{"Jobs":[]}'
        else:
            return (b"400 Bad Request", self.JSON, b'{"__type":"UnknownOperationException","Message":"not replayed"}')
        if out is None:
            return (b"400 Bad Request", self.JSON, b'{"__type":"EntityNotFoundException","Message":"not found"}')
        return b"200 OK", self.JSON, out


async def serve(a: argparse.Namespace) -> None:
    """Runs until SIGTERM; then prints how often each operation was called."""
    t0 = time.perf_counter()
    app = App(a)
    size = sum(map(len, app.pages.values()))
    loop = asyncio.get_running_loop()
    srv = await loop.create_server(lambda: Glue(app), a.host, a.port)
    print(
        f"{a.databases * a.tables} tables in {len(app.pages)} pages, {size / 1e6:.1f} MB, "
        f"rendered in {time.perf_counter() - t0:.1f} s; listening on port "
        f"{srv.sockets[0].getsockname()[1]}",
        flush=True,
    )
    stop = asyncio.Event()
    for s in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(s, stop.set)
    await stop.wait()
    print("calls", app.calls, flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--databases", type=int, default=20)
    p.add_argument("--tables", type=int, default=250, help="tables per database")
    p.add_argument("--columns", type=int, default=20)
    p.add_argument("--page-size", type=int, default=100)
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--latency-ms", type=float, default=0)
    p.add_argument("--throttle-every", type=int, default=0)
    p.add_argument("--change", type=int, default=0)
    p.add_argument("--point-reads", action="store_true", help="also keep GetTable answers")
    asyncio.run(serve(p.parse_args()))
