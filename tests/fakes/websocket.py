"""The server's side of RFC 6455 on a socket that an HTTP handler hands over."""

import base64
import hashlib
import struct
import threading

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Gone(Exception):
    """The client closed, or broke the protocol; `code` as in its close frame, None without one."""

    def __init__(self, code=None, why=""):
        super().__init__(why or f"closed with {code}")
        self.code = code


def is_upgrade(request):
    return request.method == "GET" and request.headers.get("Upgrade", "").lower() == "websocket"


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


class WebSocket:
    """One connection. `read()` belongs to one thread, everything else may come from any."""

    def __init__(self, handler, request):
        self.connection = handler.connection
        self.reader = handler.rfile
        self.lock = threading.Lock()
        self.closed = False
        self.fragment = 0  # bytes of a fragment; 0: whole messages
        self.drip = False  # one byte a TCP segment
        self.request = request
        key = request.headers.get("Sec-WebSocket-Key", "")
        self.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Accept: {accept_of(key)}\r\n\r\n").encode())

    # -- out ------------------------------------------------------------------------------------

    def write(self, raw):
        with self.lock:
            if self.drip:
                for at in range(len(raw)):
                    self.connection.sendall(raw[at:at + 1])
            else:
                self.connection.sendall(raw)

    def frame(self, opcode, payload=b"", fin=True):
        size = len(payload)
        head = bytes([(0x80 if fin else 0) | opcode])
        if size < 126:
            head += bytes([size])
        elif size < 65536:
            head += struct.pack("!BH", 126, size)
        else:
            head += struct.pack("!BQ", 127, size)
        self.write(head + payload)

    def send(self, text):
        raw = text.encode()
        if not self.fragment or len(raw) <= self.fragment:
            self.frame(TEXT, raw)
            return
        parts = [raw[at:at + self.fragment] for at in range(0, len(raw), self.fragment)]
        for number, part in enumerate(parts):
            self.frame(0 if number else TEXT, part, fin=number == len(parts) - 1)
            if number == 0:
                self.frame(PING, b"between")  # a control frame may come between fragments

    def close(self, code=1000):
        """Says farewell; the reading thread ends it."""
        try:
            self.frame(CLOSE, struct.pack("!H", code))
        except OSError:
            pass

    def drop(self):
        """Without a word, as a cut cable does."""
        self.closed = True
        try:
            self.connection.shutdown(2)
        except OSError:
            pass

    # -- in -------------------------------------------------------------------------------------

    def exactly(self, size):
        try:
            raw = self.reader.read(size) if size else b""
        except (OSError, ValueError):
            raise Gone from None
        if len(raw) < size:
            raise Gone
        return raw

    def read_frame(self):
        first, second = self.exactly(2)
        if not second & 0x80:
            raise Gone(1002, "a frame of a client without a mask")
        if first & 0x70:
            raise Gone(1002, "a reserved bit")
        size = second & 0x7f
        if size == 126:
            size = struct.unpack("!H", self.exactly(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", self.exactly(8))[0]
        mask = self.exactly(4)
        raw = self.exactly(size)
        return bool(first & 0x80), first & 15, bytes(each ^ mask[at % 4] for at, each in enumerate(raw))

    def read(self):
        """(opcode, payload) of the next message, ping or pong; raises Gone at the end."""
        whole, kind = b"", None
        while True:
            fin, opcode, payload = self.read_frame()
            if opcode == CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None
                self.close(code or 1000)
                raise Gone(code)
            if opcode >= 8:
                return opcode, payload
            if (opcode == 0) == (kind is None):
                raise Gone(1002, "fragments out of order")
            kind = kind or opcode
            whole += payload
            if fin:
                return kind, whole
