"""HTTP/2 by hand: what no well-behaved client would send."""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
ACK = END_STREAM = 1
END_HEADERS = 4


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def block(headers):
    """A header block of literals without index or Huffman code."""
    def text(value):
        # A length of seven bits, continued above 126.
        rest, out = len(value), b""
        if rest < 127:
            return bytes([rest]) + value
        rest -= 127
        out = b"\x7f"
        while rest >= 128:
            out += bytes([rest % 128 + 128])
            rest //= 128
        return out + bytes([rest]) + value
    return b"".join(b"\0" + text(name) + text(value) for name, value in headers)


def grpc_headers(path, *more):
    return block([(b":method", b"POST"), (b":scheme", b"http"), (b":path", path),
                  (b":authority", b"localhost"), (b"content-type", b"application/grpc"),
                  (b"te", b"trailers")] + list(more))


class Connection:
    def __init__(self, port, begin=PREFACE + frame(SETTINGS), host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=20)
        self.socket.sendall(begin)
        self.rest = b""

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def read(self, size):
        while len(self.rest) < size:
            got = self.socket.recv(65536)
            if got == b"":
                raise ConnectionError("closed")
            self.rest += got
        out, self.rest = self.rest[:size], self.rest[size:]
        return out

    def next(self):
        """The next frame as (kind, flags, stream, payload)."""
        head = self.read(9)
        size = struct.unpack(">I", b"\0" + head[:3])[0]
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        return kind, flags, stream, self.read(size)

    def until(self, wanted):
        """Reads frames until one of that kind."""
        while True:
            got = self.next()
            if got[0] == wanted:
                return got

    def is_closed(self):
        """Reads until the other side closes; False if it does not within the timeout."""
        try:
            while True:
                if self.socket.recv(65536) == b"":
                    return True
        except socket.timeout:
            return False
        except ConnectionError:
            return True

    def close(self):
        self.socket.close()
