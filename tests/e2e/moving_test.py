"""Lists that do not hold still, and upstream that misleads about them: whatever a walk meets, nothing that
is there is deleted, what was missed is said, and in the end the account is stored row by row.

Upstream bears a few rows a page only, so that each list has many.
"""

import docbridge_e2e as e2e
from sync_case import PASSWORDS, SUCCEEDED, SyncCase

ROWS_A_PAGE = {"organizations": 10, "documents": 10, "flexible_assets": 10, "checklists": 10, "passwords": 10}
LIST_INCOMPLETE, OPEN = 5, 1


class Moving(SyncCase):
    @classmethod
    def make(cls):
        return e2e.Stack(("--organizations", "8", "--documents", "120", "--document-bytes", "200", "--passwords", "60",
                          "--flexible-assets", "60", "--flexible-asset-types", "3", "--checklists", "40", "--limit",
                          "0"), sync_request_limit="1000000")

    def setUp(self):
        super().setUp()
        self.calm()

    def calm(self):
        self.emulator.calm()
        self.emulator.switch(timeout_page_size=ROWS_A_PAGE, limit=0)

    def sync(self):
        run = self.stack.run(self.api, self.connection)
        self.assertEqual(run.state, SUCCEEDED, run)
        return run

    def look(self):
        """What must be stored now."""
        type(self).truth = self.expected(self.stack.mapping(self.api, self.connection))

    def incomplete(self):
        """Lists of which a run says that it may lack something."""
        return {issue.subject for issue in self.api.all("SyncService.ListSyncIssues", "sync_issues",
                                                        parent=self.connection)
                if (issue.kind, issue.state) == (LIST_INCOMPLETE, OPEN)}

    def holds_under(self, **switches):
        """A stored account loses nothing to upstream's fault; the run that follows it is whole again."""
        self.sync()
        self.assertStored()
        self.assertEqual(self.incomplete(), set())
        self.emulator.switch(**switches)
        self.assertEqual(sum(task.deleted_count for task in self.sync().tasks), 0)
        self.assertStored()
        self.assertNotEqual(self.incomplete(), set())
        self.mend()

    def mend(self):
        self.calm()
        self.sync()
        self.assertStored()
        self.assertEqual(self.incomplete(), set())

    def begins_under(self, **switches):
        """A first run through upstream's fault gets all that is shown."""
        self.emulator.switch(**switches)
        self.sync()
        self.assertStored()

    def test_rows_come_on_several_pages(self):
        self.begins_under(duplicate_rows=3)
        self.mend()
        self.holds_under(duplicate_rows=3)

    def test_rows_slip_to_earlier_pages(self):
        self.holds_under(shift_rows=1)

    def test_rows_slip_to_later_pages(self):
        """Each page begins with rows of the one before, so that the count agrees and the last are not shown."""
        self.holds_under(shift_rows=-1)

    def test_a_page_in_the_middle_is_empty(self):
        self.holds_under(empty_page_before_end=2)
        self.stack.execute("TRUNCATE record, sync_freshness CASCADE")
        self.emulator.switch(empty_page_before_end=2)
        self.sync()
        # The pages behind it came.
        lost = self.truth - self.stored()
        self.assertLessEqual(len(lost), 10 * len(self.incomplete()))
        self.mend()

    def test_next_page_loops(self):
        self.begins_under(next_page_loop=2)
        self.assertNotEqual(self.incomplete(), set())
        self.mend()

    def test_more_are_counted_than_there_are(self):
        self.begins_under(total_count_lies=7)
        self.assertNotEqual(self.incomplete(), set())
        self.delete_one()
        # Not while the count cannot be right.
        self.sync()
        self.assertEqual(len(self.stored() - self.truth), 1)
        self.mend()

    def test_fewer_are_counted_than_there_are(self):
        self.begins_under(total_count_lies=-7)
        self.assertNotEqual(self.incomplete(), set())
        self.mend()

    def test_nothing_is_counted(self):
        """Lists without a word about themselves are read until a page is not full."""
        self.begins_under(omit_meta=True)
        self.mend()

    def delete_one(self):
        victim = next(row for row in sorted(self.truth) if row[0] == PASSWORDS)
        self.emulator.mutate("delete_password", id=victim[1])
        self.look()

    def test_rows_come_and_go_meanwhile(self):
        """A row from the front of a list vanishes, and others are added, while a run is in the middle of it: what
        is behind slips to a page that was read. Two come for the one that goes, so that the count tells."""
        before = set(self.truth)
        self.emulator.switch(timeout_page_size=dict(ROWS_A_PAGE, passwords=3))
        self.emulator.hold("/passwords?", skip=6)
        name = self.start()
        e2e.wait_for("the list", lambda: self.emulator.count(path="/passwords") > 6, 60)
        victim = min((row for row in self.truth if row[0] == PASSWORDS), key=lambda row: int(row[1]))
        self.emulator.mutate("delete_password", id=victim[1])
        for number in range(2):
            self.emulator.mutate("add_password", organization_id=victim[2], name="Came %d" % number)
        self.emulator.let_go()
        self.finish(name, 60)
        self.assertEqual(self.api("SyncService.GetSyncRun", name=name).state, SUCCEEDED)
        self.look()
        self.assertEqual(sorted((before & self.truth) - self.stored())[:5], [])
        self.mend()


if __name__ == "__main__":
    e2e.main()
