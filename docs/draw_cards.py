"""Draws pictures of Slack cards from their golden files, for the README: python3 docs/draw_cards.py NAME...

Needs Chromium and fonts-noto-color-emoji. It is a likeness, not Slack: the words, their order and the buttons are the card's own."""

import html
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "tests/golden/cards"
STYLE = """
body { margin: 0; background: #fff; font: 15px/1.46 Lato, "Noto Sans CJK SC", "DejaVu Sans", sans-serif; color: #1d1c1d; }
.message { padding: 14px 18px; width: 560px; }
.who { font-weight: 700; } .who span { font-weight: 400; font-size: 12px; color: #616061; margin-left: 6px;
  background: #ececec; border-radius: 3px; padding: 0 4px; }
h3 { margin: 4px 0; font-size: 18px; } p { margin: 4px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.context { font-size: 13px; color: #616061; }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 2px 16px; }
button { font: 700 13px/1 Lato, "DejaVu Sans", sans-serif; padding: 9px 13px; border-radius: 4px; margin: 6px 6px 2px 0;
  border: 1px solid #b5b4b5; background: #fff; color: #1d1c1d; }
button.primary { background: #007a5a; border-color: #007a5a; color: #fff; }
button.danger { background: #e01e5a; border-color: #e01e5a; color: #fff; }
"""


def words(text):
    """Slack's mrkdwn, as far as cards use it; foreign text in it is escaped already."""
    if text["type"] == "plain_text":
        return html.escape(text["text"])
    return re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", text["text"])


def block(b):
    kind = b["type"]
    if kind == "header":
        return f"<h3>{words(b['text'])}</h3>"
    if kind == "section":
        body = f"<p>{words(b['text'])}</p>" if "text" in b else ""
        fields = "".join(f"<p>{words(f)}</p>" for f in b.get("fields", ()))
        return body + (f"<div class=fields>{fields}</div>" if fields else "")
    if kind == "context":
        return "".join(f"<p class=context>{words(e)}</p>" for e in b["elements"])
    if kind == "actions":
        return "".join(f"<button class='{e.get('style', '')}'>{words(e['text'])}</button>" for e in b["elements"])
    return "<hr>" if kind == "divider" else ""


def draw(name):
    card = json.loads((GOLDEN / f"{name}.json").read_text())
    blocks = card.get("blocks") or card["attachments"][0]["blocks"]
    page = (f"<meta charset=utf-8><style>{STYLE}</style><div class=message><div class=who>rollcall<span>APP</span></div>"
            + "".join(block(b) for b in blocks) + "</div>")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "card.html"
        file.write_text(page)
        height = 112 + 22 * sum(1 + str(b.get("text", "")).count("\\n") for b in blocks)
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                        "--disable-background-networking", "--disable-sync", "--hide-scrollbars",
                        f"--user-data-dir={folder}/profile", "--force-device-scale-factor=2",
                        f"--window-size=596,{height}", f"--screenshot={HERE / 'cards' / name}.png", file.as_uri()],
                       check=True, capture_output=True, timeout=60)


for wanted in sys.argv[1:]:
    draw(wanted)
