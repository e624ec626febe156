"""A proxy in front of the API server that can stop the world at a request: the test sees each one before it is passed on,
and may drop it. That is how a crash between an effect and the status write is made, and not left to luck."""

import contextlib
import http.client
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-authorization"}


class ApiProxy:
    """with ApiProxy(plane, folder) as proxy: proxy.kubeconfig leads through it. before(method, path, body) answers False
    to drop a request: nothing is passed on and the connection is closed."""

    def __init__(self, plane, folder, user="rollcall"):
        self.before = None
        self.seen = []
        self._open = set()
        kubeconfig = Path(plane.kubeconfig[user]).read_text()
        client = plane.client(user)
        self._upstream = urlsplit(client.server)
        self._tls = client._tls
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self):
                proxy._pass_on(self)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_any

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.kubeconfig = Path(folder) / "proxy.kubeconfig"
        address = f"http://127.0.0.1:{self._server.server_port}"
        self.kubeconfig.write_text(kubeconfig.replace(client.server, address))
        client.close()

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @contextlib.contextmanager
    def offline(self):
        """While inside, no request is answered; watches that were open are cut."""
        self.before = lambda *_: False
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        try:
            yield self
        finally:
            self.before = None

    def _pass_on(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length) if length else None
        self.seen.append((request.command, request.path))
        if self.before and self.before(request.command, request.path, body) is False:
            request.close_connection = True
            return
        upstream = http.client.HTTPSConnection(self._upstream.hostname, self._upstream.port, context=self._tls)
        with contextlib.closing(upstream), contextlib.suppress(OSError, ssl.SSLError):
            headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP | {"host"}}
            self._open.add(request.connection)
            try:
                upstream.request(request.command, request.path, body, headers)
                self._answer(request, upstream.getresponse())
            finally:
                self._open.discard(request.connection)

    @staticmethod
    def _answer(request, answer):
        request.send_response_only(answer.status)
        streamed = answer.getheader("Content-Length") is None
        for key, value in answer.getheaders():
            if key.lower() not in HOP_BY_HOP:
                request.send_header(key, value)
        if streamed:
            request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        if not streamed:
            request.wfile.write(answer.read())
            return
        while piece := answer.read1(65536):
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            request.wfile.flush()
        request.wfile.write(b"0\r\n\r\n")
