"""A receiver of notices that verifies them by the library of Standard Webhooks.

usage: receiver.py port secret log

Responds with 204 to a valid notice, and with 400 to any other.  Appends a line
of JSON to the log for each of them.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        entry = {"id": headers.get("webhook-id")}

        try:
            entry["notice"] = Webhook(sys.argv[2]).verify(body, headers)
            status = 204
        except Exception as error:
            entry["error"] = type(error).__name__ + ": " + str(error)
            status = 400

        with open(sys.argv[3], "a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

        self.send_response(status)
        self.end_headers()

    def log_message(self, *args):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
