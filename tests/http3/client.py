"""Sends requests over one connection of HTTP/3, for t/http3.t.

Standard input is a JSON object: "port", "authority" (a certificate file) and
"requests", an array of groups.  The requests of a group are sent at once, the
next group after all responses.  A request has "method", "path", "headers",
"body" and:

    "pieces"  the body is sent in so many parts
    "until"   the stream is reset after this text was received
    "abandon" the stream is reset after the request was sent

Standard output is a JSON array of groups of responses, with "status",
"headers" and "body"; "status" is 0 if there was no response.
"""

import asyncio
import json
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset

LIMIT = 60


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)
        self.streams = {}

    def end(self, stream):
        if not stream["ended"].done():
            stream["ended"].set_result(None)

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            for stream in self.streams.values():
                self.end(stream)

        if isinstance(event, StreamReset) and event.stream_id in self.streams:
            self.end(self.streams[event.stream_id])

        for received in self.http.handle_event(event):
            self.http_event_received(received)

    def http_event_received(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))

        if stream is None:
            return

        if isinstance(event, HeadersReceived):
            for name, value in event.headers:
                stream["headers"][name.decode()] = value.decode()

        if isinstance(event, DataReceived):
            stream["body"] += event.data

        until = stream["until"]

        if until and until in stream["body"]:
            self.reset(stream)

        if event.stream_ended:
            self.end(stream)

    def reset(self, stream):
        self._quic.reset_stream(stream["id"], ErrorCode.H3_REQUEST_CANCELLED)
        self._quic.stop_stream(stream["id"], ErrorCode.H3_REQUEST_CANCELLED)
        self.end(stream)
        self.transmit()

    def begin(self, request, port):
        stream_id = self._quic.get_next_available_stream_id()
        body = request.get("body", "").encode()
        headers = [
            (b":method", request["method"].encode()),
            (b":scheme", b"https"),
            (b":authority", f"localhost:{port}".encode()),
            (b":path", request["path"].encode()),
        ]

        for name, value in request.get("headers", {}).items():
            headers.append((name.lower().encode(), value.encode()))

        stream = {
            "id": stream_id,
            "headers": {},
            "body": b"",
            "until": request.get("until", "").encode(),
            "ended": asyncio.get_running_loop().create_future(),
        }
        self.streams[stream_id] = stream

        self.http.send_headers(stream_id, headers, end_stream=not body)

        pieces = request.get("pieces", 1)
        size = -(-len(body) // pieces) if body else 1

        for start in range(0, len(body), size):
            self.http.send_data(
                stream_id,
                body[start : start + size],
                end_stream=start + size >= len(body),
            )
            self.transmit()

        self.transmit()
        return stream

    async def group(self, requests, port):
        streams = [self.begin(request, port) for request in requests]

        for request, stream in zip(requests, streams):
            if request.get("abandon"):
                await asyncio.sleep(0)
                self.reset(stream)

        for stream in streams:
            await asyncio.wait_for(stream["ended"], LIMIT)

        return [
            {
                "status": int(stream["headers"].get(":status", 0)),
                "headers": stream["headers"],
                "body": stream["body"].decode(),
            }
            for stream in streams
        ]


async def main():
    task = json.load(sys.stdin)
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, server_name="localhost"
    )
    configuration.load_verify_locations(task["authority"])

    async with connect(
        "127.0.0.1",
        task["port"],
        configuration=configuration,
        create_protocol=Client,
    ) as client:
        groups = [
            await client.group(group, task["port"]) for group in task["requests"]
        ]

    json.dump(groups, sys.stdout)


asyncio.run(main())
