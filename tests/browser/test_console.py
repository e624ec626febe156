"""The console in a real browser: people who press what they see."""

import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stage  # noqa: E402
from stage import IMAGE, NAME, PAGE, rig  # noqa: E402

import chromium  # noqa: E402

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
RTL = "\u202egnp.exe"


def axe_source():
    """axe-core, installed outside the tree at the first call."""
    script = rig.REPOSITORY / "tests/chat/official/install.sh"
    done = subprocess.run(["sh", script, Path(__file__).parent / "axe"], capture_output=True, text=True, timeout=300,
                          check=False)
    if done.returncode != 0:
        raise unittest.SkipTest(f"axe-core could not be installed: {done.stderr[-500:]}")
    return (Path(done.stdout.strip()) / "axe-core/axe.min.js").read_text()


class Ordered(unittest.TestCase):
    """The tests of a class are one story and run in the order of their numbers; what follows a failure is skipped."""

    broken = None

    def setUp(self):
        if self.broken:
            self.skipTest(f"allowed: the story broke off in {self.broken}")

    def run(self, result=None):
        before = getattr(result, "failed", len(result.failures) + len(result.errors))
        super().run(result)
        if getattr(result, "failed", len(result.failures) + len(result.errors)) > before:
            type(self).broken = self._testMethodName

    @classmethod
    def begin(cls, name, number, **options):
        for program in ("rollcall", "rollouts-demo"):
            if not (stage.BUILD / program).exists():
                raise unittest.SkipTest(f"{stage.BUILD / program} has not been built")
        cls.stage = stage.Stage(name, number, **options)
        cls.browser = chromium.Browser(cls.stage.folder)
        cls.addClassCleanup(cls.stage.close)
        cls.addClassCleanup(cls.browser.close)
        cls.stage.start()
        cls.pages = {}

    def person(self, name):
        if name not in self.pages:
            self.pages[name] = self.stage.sign_in(self.browser.person(), name)
        return self.pages[name]

    def assert_calm(self):
        """No script has raised, nothing was stopped by the policy, nothing was fetched from elsewhere."""
        for name, page in self.pages.items():
            self.assertEqual(page.complaints(), [], name)
            self.assertEqual([u for u in page.requests() if not u.startswith((self.stage.url, "about:"))], [], name)

    def assert_no_sideways(self, page, what):
        """Once what follows the width (a chart does, a frame later) has followed."""
        wide = """[...document.querySelectorAll("body *")].filter((e) => e.checkVisibility()
            && e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest(".scroll, .skip"))
            .map((e) => `${e.tagName}.${e.getAttribute("class")}`).slice(0, 5)"""
        rig.wait_for(lambda: not page.js(wide), 5, lambda: f"nothing is wider than the page: {what}: {page.js(wide)}")
        self.assertLessEqual(page.js("document.documentElement.scrollWidth"), page.js("innerWidth"), what)


class Story(Ordered):
    """Two people, one release, all of it by hand."""

    @classmethod
    def setUpClass(cls):
        cls.begin("console", 0, metrics=True,
                  policy='{approvers: ["group:sre"], quorum: 2, require_reason: [reject], self_approval: false}')
        cls.stage.prepare()

    def test_1_two_people_approve_and_see_each_other(self):
        lin, zhao, guest = self.person("lin.wei"), self.person("zhao"), self.person("guest")
        for page in (lin, zhao, guest):
            page.shows("Nothing waits for a person")
        self.stage.release("green", MODE="fast")
        for page in (lin, zhao, guest):
            page.shows(f"Approve the rollout of {NAME}?")
            page.until('document.title.startsWith("(1)")')
        self.assertIn("blue", lin.js('document.querySelector(".ask .change").innerText'))
        guest.shows("You may not decide here")
        self.assertEqual(guest.js('document.querySelectorAll(".ask button").length'), 0)
        zhao.type(".ask .answers input", "half a sen")
        lin.type(".ask .answers input", "looks fine")
        lin.click(".ask button", "Approve")
        for page in (lin, zhao, guest):
            page.shows("1 of 2 approvals")
            page.shows("looks fine")
        # what somebody is typing outlives the news
        self.assertEqual(zhao.js('[document.activeElement.tagName, document.querySelector(".answers input").value]'),
                         ["INPUT", "half a sen"])
        zhao.key("Enter")
        for page in (lin, zhao, guest):
            page.shows("Nothing waits for a person")
        self.stage.wait_phase("Progressing")

    def test_2_pause_resume_and_promote_on_the_page(self):
        lin, guest = self.person("lin.wei"), self.person("guest")
        lin.click("a.name", NAME)
        guest.go(self.stage.url + PAGE)
        lin.until('document.querySelector(".split b")?.style.width === "20%"', 60, "20 % are drawn")
        lin.until('document.querySelectorAll(".chart path.weight").length === 1', what="the weights are drawn")
        lin.until('document.querySelectorAll(".chart path.metric").length === 2', 30, "two metrics are drawn")
        lin.until('document.querySelectorAll(".chart .mark.yes").length >= 2', what="the votes stand on the time axis")
        lin.until('document.querySelectorAll(".podlist li.good").length >= 2', what="pods of both versions")
        self.assertEqual(lin.js('[...document.querySelectorAll(".diff dt, .diff ins")].map((e) => e.innerText)'),
                         ["image", f"{IMAGE}:green", "podinfod MODE", "fast"])
        guest.until('document.querySelector(".verbs button")?.disabled')
        lin.click(".verbs button", "Pause")
        lin.shows(f"Pause {NAME}?")
        lin.click("dialog button", "Cancel")
        lin.click(".verbs button", "Pause")
        lin.type("dialog textarea", "one moment")
        lin.click("dialog button", "Pause")
        lin.until('document.querySelector(".badge").innerText === "Paused"')
        guest.until('document.querySelector(".badge").innerText === "Paused"')
        lin.click(".verbs button", "Resume")
        lin.click("dialog button", "Resume")
        lin.lacks("Paused")
        lin.click(".verbs button", "Promote")
        lin.click("dialog button", "Promote")
        lin.shows(f"Approve the promotion of {NAME}?", 60)
        self.assertEqual(self.stage.object("Deployment", "podinfo-primary")["spec"]["template"]["spec"]["containers"]
                         [0]["image"], f"{IMAGE}:blue")

    def test_3_a_crash_is_told_and_outlived(self):
        lin = self.person("lin.wei")
        self.stage.serve.kill9()
        lin.shows("Stale since", 15)
        lin.until('[...document.querySelectorAll(".verbs button")].every((b) => b.disabled)')
        lin.click(".ask button", "Approve")
        lin.shows("rollcall does not answer")
        self.stage.start()
        lin.lacks("Stale since", 20)
        lin.shows("Live")
        lin.click(".ask button", "Approve")
        lin.shows("1 of 2 approvals")
        lin.shows("you: approved")

    def test_4_keyboard_alone(self):
        zhao = self.person("zhao")
        zhao.go(self.stage.url + "/#/")
        zhao.shows("One decision waits")
        for _ in range(30):
            zhao.key("Tab")
            if zhao.js('document.activeElement.innerText') == "Approve":
                break
        self.assertEqual(zhao.js('document.activeElement.innerText'), "Approve")
        self.assertTrue(zhao.js('document.activeElement.matches(":focus-visible")'))
        zhao.key("Enter")
        zhao.shows("Nothing waits for a person")
        zhao.js("document.activeElement.blur()")
        zhao.key("j")
        zhao.until('document.activeElement.className === "name"')
        zhao.key("Enter")
        zhao.until("location.hash.startsWith('#/default/')")
        self.assertEqual(zhao.js("document.activeElement.tagName"), "H1")
        zhao.until('document.querySelector(".badge").innerText === "Succeeded"', 90)

    def test_5_what_is_over_can_be_looked_at(self):
        lin = self.person("lin.wei")
        self.stage.release("yellow")
        lin.shows(f"Approve the rollout of {NAME}?", 60)
        lin.until('document.querySelectorAll(".runs li").length === 2')
        lin.click(".runs li:last-child a")
        lin.shows("a run that is over")
        lin.until('document.querySelectorAll(".chart .mark.yes").length >= 4', what="votes of the past run")
        lin.click("summary")
        lin.until('document.querySelectorAll(".scroll tbody tr").length > 5')
        lin.click("button", "Replay")
        lin.until('Number(document.querySelector("input[type=range]").value) > 2', what="the replay runs")
        lin.click(".scrub button", "Stop")
        self.assertEqual(lin.js('document.querySelectorAll(".verbs button, .ask").length'), 0)

    def test_6_reject_needs_a_reason(self):
        lin = self.person("lin.wei")
        lin.go(self.stage.url + "/#/")
        lin.click(".ask button", "Reject")
        lin.click("dialog button", "Reject")
        lin.until('document.querySelector("dialog textarea:invalid") !== null')
        lin.type("dialog textarea", "wrong colour")
        lin.click("dialog button", "Reject")
        lin.until('document.querySelector(".row .word").innerText === "Rolled back"', 60)
        lin.go(self.stage.url + "/#/audit")
        lin.shows("vote.reject")
        lin.shows("wrong colour")

    def test_9_calm(self):
        self.assert_calm()


class Hostile(Ordered):
    """What others write is text, however it is written."""

    @classmethod
    def setUpClass(cls):
        cls.begin("hostile", 1)
        cls.stage.prepare()

    def test_1_image_and_reason(self):
        lin = self.person("lin.wei")
        self.stage.release(HOSTILE + RTL + "x" * 10000, MODE=HOSTILE)
        lin.shows("Approve the rollout")
        lin.shows("<img src=x")
        lin.type(".ask .answers input", HOSTILE + RTL)
        lin.click(".ask button", "Reject")
        lin.click("dialog button", "Reject")
        lin.shows("Nothing waits")
        for where in ("/#/", PAGE, "/#/audit"):
            for width in (1280, 360):
                lin.look(width)
                lin.go(self.stage.url + where)
                lin.shows("Live")
                lin.until('document.querySelector("main").innerText.length > 100')
                self.assertEqual(lin.js('document.querySelectorAll("img, script:not([src])").length'), 0)
                self.assert_no_sideways(lin, f"{where} at {width}")
        lin.shows("<img src=x onerror=")
        lin.shows("‹U+202E›")
        self.assertNotIn("\u202e", lin.text())
        self.assertIn("rollcall", lin.js("document.title"))
        self.assert_calm()

    def test_2_a_reason_that_is_too_long_is_refused(self):
        token = self.stage.token("robot")
        status, _, body = self.stage.ask(
            "POST", f"/api/v1/rollouts/default/{NAME}/pause", json.dumps({"reason": "r" * 10240}),
            {"Authorization": f"Bearer {token}"})
        self.assertEqual(status, 400)
        self.assertIn("longer than", json.loads(body)["error"])


class Accessible(Ordered):
    """axe-core has nothing serious to say, in both languages and both themes, and a phone's width is enough."""

    @classmethod
    def setUpClass(cls):
        cls.axe = axe_source()
        cls.begin("accessible", 2, metrics=True)
        cls.stage.prepare()
        cls.stage.release("green")

    def check(self, page, what):
        if not page.js("Boolean(window.axe)"):
            page.command("Runtime.evaluate", expression=self.axe)
        found = page.js("""axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations
            .filter((v) => ["serious", "critical"].includes(v.impact))
            .map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 4).join(", ")}`))""")
        self.assertEqual(found, [], what)

    def test_pages(self):
        page = self.browser.person(language="en-GB")
        self.pages["lin.wei"] = page
        page.go(self.stage.url)
        page.shows("Who are you?")
        self.check(page, "sign in")
        self.stage.sign_in(page, "lin.wei")
        page.shows("Approve the rollout")
        for switch in (None, "中文"):
            if switch:
                page.click("button", switch)
                page.shows("实时")
            for dark in (False, True):
                for where, sign in (("/#/", ".ask"), (PAGE, ".chart svg"), ("/#/audit", ".audit tbody tr")):
                    page.look(1280, 900, dark)
                    page.go(self.stage.url + where)
                    page.until("document.querySelector(sign) !== null", sign=sign)
                    what = f"{where} {'dark' if dark else 'light'} {switch or 'en'}"
                    self.check(page, what)
                    page.look(360, 740, dark)
                    page.until("innerWidth === 360")
                    self.assert_no_sideways(page, what)
        page.look()
        page.go(self.stage.url + "/#/")
        page.click(".ask .danger")
        page.until("document.querySelector('dialog[open]') !== null")
        self.check(page, "dialog")
        self.assert_calm()


