"""The browser of the tests keeps to the rules real ones have."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fakes.browser import Browser  # noqa: E402
from tests.fakes.hooks import HookListener  # noqa: E402

PAGE = """<!doctype html><style>.x{}</style><h1>Gate R-17</h1>
<form method="post" action="decide"><input type="hidden" name="csrf" value="c1"><input name="pin">
<textarea name="reason"></textarea>
<button name="verb" value="approve">Approve</button><button name="verb" value="reject">Reject</button></form>"""
HTML = {"Content-Type": "text/html; charset=utf-8"}


class BrowserTest(unittest.TestCase):
    def setUp(self):
        self.site = HookListener().start()
        self.addCleanup(self.site.stop)
        self.browser = Browser()

    def open_page(self, cookie="s=1; Path=/; SameSite=Strict"):
        self.site.script("/r/9f2c", body=PAGE, headers={**HTML, "Set-Cookie": cookie})
        return self.browser.open(self.site.url("/r/9f2c"))

    def test_forms_carry_hidden_fields_the_button_and_the_origin(self):
        page = self.open_page()
        self.assertEqual(page.text, "Gate R-17 Approve Reject")
        self.browser.submit(page, "Reject", pin="1234")
        got = self.site.requests("/r/decide")[0]
        self.assertEqual(got.parsed, {"csrf": "c1", "pin": "1234", "reason": "", "verb": "reject"})
        self.assertEqual((got.headers["Origin"], got.headers["Cookie"]), (self.site.base_url, "s=1"))

    def test_strict_cookies_stay_at_home_in_forged_forms(self):
        page = self.open_page()
        self.browser.submit(page, "Approve", origin="https://evil.example.test", pin="1")
        got = self.site.requests("/r/decide")[0]
        self.assertEqual((got.headers["Origin"], got.headers["Cookie"]), ("https://evil.example.test", None))
        self.browser.open(self.site.url("/r/9f2c"))
        self.assertIsNone(self.site.received[-1].headers["Cookie"])

    def test_what_is_not_there_cannot_be_used(self):
        page = self.open_page()
        for wrong in ({"button": "Delete"}, {"user": "x"}):
            with self.assertRaises(AssertionError):
                self.browser.submit(page, **wrong)
        self.assertEqual(self.site.count("/r/decide"), 0)

    def test_redirects_after_post_become_get(self):
        page = self.open_page("s=1; Path=/")
        self.site.script("/r/decide", 303, headers={"Location": "/done"})
        self.site.script("/done", body="<p>approved", headers=HTML)
        self.assertEqual(self.browser.submit(page, "Approve").text, "approved")
        self.assertEqual((self.site.received[-1].method, self.site.received[-1].headers["Cookie"]), ("GET", "s=1"))


if __name__ == "__main__":
    unittest.main()
