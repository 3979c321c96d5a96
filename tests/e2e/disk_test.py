"""A disk that is full: no value leaves and nobody is asked for one; both come back with its space."""

import ctypes
import os
import shutil
import subprocess

import grpc

import docbridge_e2e as e2e

NEW_MOUNTS = 0x20000  # CLONE_NEWNS
BYTES = 2 << 20
WAL_BYTES = 48 << 20  # three segments


def may_mount():
    """Mounts of this process and of what it starts are its own from here on; that takes a root that may."""
    return ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS) == 0 and subprocess.run(
        ["mount", "--make-rprivate", "/"], check=False, stderr=subprocess.DEVNULL).returncode == 0


class FullDisk(e2e.Case):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "3", "--passwords", "20", "--documents", "4", "--flexible-assets", "4",
                          "--checklists", "2"), durable=True)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.stack.api()
        cls.connection = cls.stack.connect(cls.api)
        cls.stack.configure(cls.api, cls.connection)
        cls.stack.settle(cls.api, cls.connection)
        cls.password = next(one for company in sorted(cls.stack.mapping(cls.api, cls.connection).values())
                            for one in cls.api.all("PasswordService.ListPasswords", "passwords", parent=company)
                            if one.revealable)

    def mount(self, name, size):
        """A disk of that size, which is Postgres' own and goes with the last process that sees it."""
        disk = self.stack.path(name)
        os.mkdir(disk)
        owner = os.stat(self.stack.path("data"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=700,uid=%d,gid=%d" % (
            size, owner.st_uid, owner.st_gid), "none", disk], check=True)
        return disk

    def move_trail(self):
        """The trail gets a disk of its own, which is small; Postgres lies on another one and lives on."""
        disk = self.mount("disk", BYTES)
        self.stack.execute("CREATE TABLESPACE small LOCATION '%s'" % disk)
        self.stack.execute("ALTER TABLE audit_event SET TABLESPACE small")
        return os.path.join(disk, "ballast")

    def move_log(self):
        """The write-ahead log gets a disk of its own."""
        disk, log = self.mount("wal", WAL_BYTES), self.stack.path("data/pg_wal")
        self.stack.postgres("stop")
        subprocess.run(["cp", "-a", log + "/.", disk], check=True)
        shutil.rmtree(log)
        os.symlink(disk, log)
        self.stack.postgres("start")
        return os.path.join(disk, "ballast")

    def fill(self, ballast):
        with open(ballast, "wb", buffering=0) as file, self.assertRaises(OSError) as full:
            while True:
                file.write(bytes(4096))
        self.assertIn("No space left", str(full.exception))

    def postgres_log(self):
        with open(self.stack.path("log"), encoding="utf-8") as file:
            return file.read()

    def reveal(self):
        """None, or how it failed."""
        try:
            self.assertNotEqual(self.api("PasswordService.RevealPassword", name=self.password.name).plaintext, "")
            return None
        except grpc.RpcError as error:
            return e2e.Failure(error)

    def setUp(self):
        if not may_mount():
            self.skipTest("no disk of a chosen size without the right to mount one")
        self.stack.postgres("stop")
        self.stack.postgres("start")  # among the mounts of this process
        e2e.wait_for("an answer", lambda: self.reveal() is None, 60)

    def test_no_room_for_the_log(self):
        ballast = self.move_log()
        e2e.wait_for("an answer", lambda: self.reveal() is None, 60)
        self.fill(ballast)
        # Postgres can't go on without its log: it stops, and stays down until there is room.
        with self.assertRaises(subprocess.CalledProcessError):
            for _ in range(WAL_BYTES >> 20):
                self.stack.execute("SELECT pg_logical_emit_message(true, '', repeat('.', 1 << 20))")
        e2e.wait_for("its end", lambda: not os.path.exists(self.stack.path("data/postmaster.pid")), 60)
        self.assertIn("No space left on device", self.postgres_log())
        asked = self.emulator.count()
        for _ in range(3):
            # At its intent if its gates were read a moment ago, else before.
            failure = self.reveal()
            self.assertIn(failure.reason, ("AUDIT_UNAVAILABLE", "STORE_UNAVAILABLE"))
            self.assertFailure(failure, grpc.StatusCode.UNAVAILABLE, failure.reason)
        self.assertEqual(self.emulator.count(), asked)
        os.unlink(ballast)
        self.stack.postgres("start")
        e2e.wait_for("an answer", lambda: self.reveal() is None, 60)
        self.stack.cli("audit", "verify")

    def test_no_space_no_value(self):
        ballast = self.move_trail()
        self.assertIsNone(self.reveal())
        self.fill(ballast)
        # What is left of the last page takes some events yet, and the shorter ones last.
        e2e.wait_for("no room for an intent", lambda: all(self.reveal() is not None for _ in range(3)), 30)
        self.assertIn("No space left on device", self.postgres_log())
        asked = self.emulator.count()
        for _ in range(3):
            self.assertFailure(self.reveal(), grpc.StatusCode.UNAVAILABLE, "AUDIT_UNAVAILABLE")
        self.assertEqual(self.emulator.count(), asked)
        # What needs no trail is answered.
        self.api("CompanyService.ListCompanies")
        os.unlink(ballast)
        self.assertIsNone(self.reveal())
        self.assertGreater(self.emulator.count(), asked)
        self.stack.execute("ALTER TABLE audit_event SET TABLESPACE pg_default")
        self.stack.execute("DROP TABLESPACE small")


if __name__ == "__main__":
    e2e.main()
