"""A small reverse proxy that buffers answers as nginx does, so that a test can see what arrives behind one."""

import contextlib
import socket
import threading

BUFFER = 8192
NEVER = b"x-accel-buffering: no"


class Proxy:
    """Listens on a free port and passes requests on to ``target``.

    An answer is held back until ``BUFFER`` bytes have come or the server has closed the connection; with the header
    ``X-Accel-Buffering: no`` it is passed on as it comes. ``held_back`` counts the bytes that waited.
    """

    def __init__(self, target: str) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.held_back = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._target) as server:
            self._open += [client, server]
            request = b""
            while b"\r\n\r\n" not in request:
                request += client.recv(BUFFER)
            server.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            self._pass_on(server, client)

    def _pass_on(self, server: socket.socket, client: socket.socket) -> None:
        held, direct = b"", False
        while data := server.recv(BUFFER):
            held += data
            if not direct and b"\r\n\r\n" in held:
                direct = NEVER in held.split(b"\r\n\r\n", 1)[0].lower()
            if direct or len(held) >= BUFFER:
                self.held_back += 0 if direct else len(held)
                client.sendall(held)
                held = b""
        self.held_back += len(held)
        client.sendall(held)
