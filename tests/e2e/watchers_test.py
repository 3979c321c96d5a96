"""Thousands who watch one run, over a few connections: none costs the server a thread, and each hears the end."""

import os

import docbridge_e2e as e2e

# A connection bears a hundred calls at once.
CHANNELS, WATCHERS = 20, 2000
FULL, SUCCEEDED = 2, 5
# Sanitizers and their shadow of each stream: the same, of fewer.
SCALE = 10 if e2e.PATIENCE > 1 else 1


class Watchers(e2e.Case):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "12", "--documents", "60", "--document-bytes", "100", "--passwords", "20",
                          "--flexible-assets", "20", "--checklists", "10"))

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.stack.server.pid))

    def channel(self):
        with open(self.stack.path("ca.pem"), "rb") as file:
            credentials = e2e.grpc.ssl_channel_credentials(file.read())
        # Without this, channels to one address share a connection.
        return e2e.grpc.secure_channel(self.stack.address, credentials, (("grpc.use_local_subchannel_pool", 1),))

    def test_each_hears_the_end(self):
        api = self.stack.api()
        connection = self.stack.connect(api)
        self.stack.configure(api, connection)
        self.stack.settle(api, connection)
        # It does not end before all are there.
        self.emulator.hold()
        name = api("SyncService.RunSync", parent=connection, mode=FULL).name
        watchers = [e2e.Api(self.channel(), self.stack.token()) for _ in range(CHANNELS)]
        # Each channel's first, so that what a connection costs is not counted as a watcher's.
        streams = [watcher.stream("SyncService.WatchSyncRun", name=name) for watcher in watchers]
        for stream in streams:
            self.assertEqual(next(stream).snapshot.name, name)
        before = self.threads()
        # A server that is busy turns away: they come as fast as they are served.
        while len(streams) < WATCHERS // SCALE:
            fresh = [watcher.stream("SyncService.WatchSyncRun", name=name) for watcher in watchers]
            for stream in fresh:
                self.assertEqual(next(stream).snapshot.name, name)
            streams += fresh
        # Threads that serve calls come and go; they are far fewer than watchers.
        during = self.threads()
        self.assertLess(during - before, 10)
        self.assertLessEqual(api("SyncService.GetSyncRun", name=name).state, 4)
        self.emulator.let_go()
        ends = [[event.finished.state for event in stream if event.HasField("finished")] for stream in streams]
        self.assertEqual(ends, [[SUCCEEDED]] * (WATCHERS // SCALE))
        print("%d watchers, %d threads before and %d during" % (len(streams), before, during))


if __name__ == "__main__":
    e2e.main()
