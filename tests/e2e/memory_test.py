"""The memory of a server: what it holds of secrets after reveals, and what connections cost.

Looked at from outside as root, for whom alone a process that cannot be dumped is open.
"""

import os
import resource
import secrets
import socket
import unittest

import docbridge_e2e as e2e

REVEALS = 40
CONNECTIONS = 2000
# The least that a client of HTTP/2 begins with: the preface and its settings; then that it knows the server's.
BEGINNING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
ACKNOWLEDGED = b"\0\0\0\x04\x01\0\0\0\0"


def connect(address):
    host, port = address.split(":")
    link = socket.create_connection((host, int(port)), timeout=20)
    link.sendall(BEGINNING)
    link.recv(4096)
    link.sendall(ACKNOWLEDGED)
    return link


def resident_kib(process):
    with open("/proc/%d/status" % process.pid, encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@unittest.skipIf(os.geteuid() != 0, "only root may look")
@unittest.skipIf(e2e.PATIENCE > 1, "sanitizers keep what was freed")
class Memory(e2e.Case):
    @classmethod
    def make(cls):
        cls.key = "ITG." + secrets.token_hex(32)
        return e2e.Stack(("--organizations", "4", "--passwords", "60", "--documents", "5", "--flexible-assets", "5",
                          "--checklists", "2", "--api-key", cls.key))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, connection)
        cls.stack.settle(cls.api, connection)
        cls.stack.run(cls.api, connection)
        cls.values = {}
        for company in cls.stack.mapping(cls.api, connection).values():
            for one in cls.api.all("PasswordService.ListPasswords", "passwords", parent=company):
                if one.revealable and len(cls.values) < REVEALS:
                    value = "value-" + secrets.token_hex(24)
                    cls.emulator.mutate("set_password_value", id=one.name.rsplit("/", 1)[1], value=value)
                    cls.values[one.name] = value

    def lines(self):
        with open("/proc/%d/maps" % self.stack.server.pid, encoding="utf-8") as maps:
            return maps.read().splitlines()

    def memory(self):
        """Each mapping that can be read, by its line in maps."""
        found = {}
        with open("/proc/%d/mem" % self.stack.server.pid, "rb", buffering=0) as memory:
            for line in self.lines():
                span, rights = line.split()[:2]
                if rights.startswith("r") and "[v" not in line:
                    begin, end = (int(part, 16) for part in span.split("-"))
                    memory.seek(begin)
                    try:
                        found[line] = memory.read(end - begin)
                    except OSError:
                        # The stack of a thread that has ended since.
                        self.assertNotIn(line, self.lines())
        return found

    def test_after_reveals(self):
        for name, value in self.values.items():
            last = value
            self.assertEqual(self.api("PasswordService.RevealPassword", name=name, timeout=10).plaintext, value)
        memory = self.memory()
        found = {what: sum(data.count(what.encode()) for data in memory.values())
                 for what in [self.key, "docbridge"] + list(self.values.values())}
        # Something is found at all.
        self.assertGreater(found.pop("docbridge"), 0)
        # What gRPC last encrypted for a connection stays in a buffer of its own until the next.
        self.assertLessEqual(found.pop(last), 1)
        self.assertEqual({what: count for what, count in found.items() if count > 0}, {})
        # Of the master key there is one copy, between two pages that nobody may touch.
        places = [(line, data.count(self.stack.master_key)) for line, data in memory.items()
                  if self.stack.master_key in data]
        self.assertEqual([count for _, count in places], [1])
        span = places[0][0].split()[0].split("-")
        lines = self.lines()
        guards = [line for line in lines if line.split()[0].endswith("-" + span[0]) or line.startswith(span[1] + "-")]
        self.assertEqual([line.split()[1] for line in guards], ["---p", "---p"], guards)

    def test_connections(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        address = self.stack.replica(tls_certificate_file=None, tls_key_file=None)
        process = self.stack.replicas[-1]
        # The first ones pay for what all share.
        links = [connect(address) for _ in range(50)]
        before = resident_kib(process)
        links += [connect(address) for _ in range(CONNECTIONS)]
        self.assertLess((resident_kib(process) - before) / CONNECTIONS, 25)
        # Most of them leave: what they took is given back, also while some stay.
        for link in links[50:]:
            link.close()
        e2e.wait_for("giving back memory", lambda: resident_kib(process) <= 1.3 * before)
        for link in links[:50]:
            link.close()


if __name__ == "__main__":
    e2e.main()
