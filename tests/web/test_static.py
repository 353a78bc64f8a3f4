"""The page for browsers keeps what its security and accessibility rest on, as far as its files can tell.

Nothing inline and nothing from elsewhere (the content security policy would stop it); no markup made from text (W-03);
secrets in one place only; every language says everything; colours that can be read in both themes (WCAG 2.1, 1.4.3).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bridge.web import __file__ as _package

STATIC = Path(_package).parent / "static"
SCRIPTS = sorted(STATIC.rglob("*.js"))
STYLES = sorted(STATIC.rglob("*.css"))
LANGUAGES = ("nb", "nn", "en", "ar")
CATEGORIES = {"ar": {"zero", "one", "two", "few", "many", "other"}}  # CLDR; all others of ours have two
NODE = shutil.which("node")
PLURAL = re.compile(r"\.(zero|one|two|few|many|other)$")

# Text or a sign, and the ground it stands on; the first needs 4.5:1, the second list 3:1 (WCAG 2.1, 1.4.3 and 1.4.11).
TEXTS = [
    *((ink, ground) for ink in ("ink", "ink-soft") for ground in ("ground", "surface", "raised", "sunken", "hover")),
    *(("danger", ground) for ground in ("surface", "ground", "raised")),
    *(("good", ground) for ground in ("surface", "ground", "raised")),
    *((f"on-{name}", name) for name in ("primary", "danger", "deep", "picture")),
    *((f"on-{name}-soft", f"{name}-soft") for name in ("primary", "good", "care", "danger")),
    *((f"on-face-{n}", f"face-{n}") for n in range(6)),
    ("on-primary", "primary-hover"), ("on-danger", "danger-hover"), ("on-deep", "deep-end"), ("ground", "ink"),
]  # fmt: skip
SIGNS = [
    *((line, ground) for line in ("line-strong", "focus", "primary") for ground in ("ground", "surface", "raised")),
    ("good", "sunken"), ("good", "surface"),
]  # fmt: skip


def messages(language: str) -> dict[str, str]:
    table: dict[str, str] = json.loads((STATIC / "messages" / f"{language}.json").read_text())
    return table


def without_comments(path: Path) -> str:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    return re.sub(r"(?m)(^|\s)//.*$", "", text)


class Markup(HTMLParser):
    """What stands in a page: its elements with their attributes, and the text within scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.within = tag

    def handle_endtag(self, tag: str) -> None:
        self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within in ("script", "style") and data.strip():
            self.inline.append(data)


def page() -> Markup:
    markup = Markup()
    markup.feed((STATIC / "index.html").read_text())
    return markup


def test_page_has_nothing_inline() -> None:
    markup = page()
    assert not markup.inline
    for tag, attributes in markup.elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert tag != "style"


def test_page_links_files_that_are_there_and_leaves_none_to_be_found_late() -> None:
    linked = {
        value
        for _, attributes in page().elements
        for name in ("src", "href")
        if (value := attributes.get(name)) is not None
    }
    assert all(link.startswith("/static/") for link in linked)
    assert all((STATIC / link.removeprefix("/static/")).is_file() for link in linked)
    assert {f"/static/css/{path.name}" for path in STYLES} <= linked
    assert {f"/static/{path.relative_to(STATIC).as_posix()}" for path in SCRIPTS} <= linked


@pytest.mark.parametrize(
    "path", [*SCRIPTS, *STYLES, *STATIC.glob("*.svg"), STATIC / "index.html"], ids=lambda p: p.name
)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"""(?i)\b(https?|wss?)://|['"(]//|@import|url\(""", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_no_script_makes_markup_code_or_style_from_text(path: Path) -> None:
    banned = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc"
        r"|\beval\b|new Function|setTimeout\(['\"`]|\.style\b|cssText|['\"]style['\"]|javascript:"
    )
    assert not re.search(banned, without_comments(path))
    if path.name != "icons.js":  # which reads our own drawings
        assert "DOMParser" not in path.read_text()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_storage_is_used_in_one_place_and_a_pin_never_gets_there(path: Path) -> None:
    text = without_comments(path)
    if path.name not in ("storage.js", "theme-first.js"):
        assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie", text)
    for call in re.findall(r"keep(?:Seat|Choices)\(([^;]*)\);", text):
        assert not re.search(r"(?i)\bpin\b|token", call)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_no_way_in_for_debugging_and_nothing_logged(path: Path) -> None:
    assert not re.search(r"console\.|debugger|(window|globalThis)\.\w+\s*=[^=]", without_comments(path))


def test_modules_import_what_is_there_and_none_is_forgotten() -> None:
    reached: set[Path] = set()
    ahead = [STATIC / "js" / "main.js"]
    while ahead:
        path = ahead.pop()
        if path in reached:
            continue
        reached.add(path)
        text = path.read_text()
        for names, source in re.findall(r"(?m)^import (?:\{([^}]*)\} from )?'([^']+)';", text):
            found = (path.parent / source).resolve()
            assert found.is_file(), f"{path.name}: {source}"
            for name in (each.strip() for each in names.split(",") if each.strip()):
                assert re.search(
                    rf"export (?:async )?(?:const|function|class) {name}\b", found.read_text()
                ), name
                assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{path.name} does not use {name}"
            ahead.append(found)
    assert reached == {path for path in SCRIPTS if path.name not in ("old.js", "theme-first.js")}


@pytest.mark.skipif(NODE is None, reason="needs node")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_scripts_parse(path: Path) -> None:
    assert NODE is not None
    kind = "commonjs" if path.name in ("old.js", "theme-first.js") else "module"
    run = [NODE, f"--input-type={kind}", "--check"]
    done = subprocess.run(run, input=path.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_state_machine() -> None:
    assert NODE is not None
    run = [NODE, "--test", str(Path(__file__).parent / "page_state_test.mjs")]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_icons_are_there_and_used() -> None:
    drawn = set(re.findall(r'<symbol id="icon-([a-z-]+)"', (STATIC / "icons.svg").read_text()))
    scripts = "".join(map(without_comments, SCRIPTS))
    asked = set(re.findall(r"(?:icon\(|drawing: )'([a-z-]+)'", scripts))
    assert asked <= drawn
    assert {name for name in drawn if f"'{name}'" not in scripts} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same(language: str) -> None:
    ours, english = messages(language), messages("en")
    assert {PLURAL.sub("", key) for key in ours} == {PLURAL.sub("", key) for key in english}
    assert all(text.strip() == text != "" for text in ours.values())
    plurals = {PLURAL.sub("", key) for key in english if PLURAL.search(key)}
    for key in plurals:
        forms = {name.rpartition(".")[2] for name in ours if PLURAL.sub("", name) == key}
        assert forms == CATEGORIES.get(language, {"one", "other"}), key
    for key, text in english.items():
        if PLURAL.sub("", key) not in plurals:
            assert set(re.findall(r"\{\w+\}", ours[key])) == set(re.findall(r"\{\w+\}", text)), key


def test_every_message_is_used_and_every_used_one_is_there() -> None:
    scripts = "".join(map(without_comments, SCRIPTS))
    keys = {PLURAL.sub("", key) for key in messages("en")}
    asked = set(re.findall(r"\b(?:t|say|notify)\(\s*'([a-z]+[.][a-z.-]+)'", scripts))
    assert asked <= keys
    patterns = [re.escape(each) for each in re.findall(r"`([a-z]+\.[^`]*\$\{[^`]*)`", scripts)]
    made = [re.sub(r"\\\$\\\{.*?\\\}", "[a-z-]+", pattern) for pattern in patterns]
    unused = {
        key for key in keys if f"'{key}'" not in scripts and not any(re.fullmatch(p, key) for p in made)
    }
    assert unused == set()


def test_colours_are_named_in_one_file_only() -> None:
    for path in STYLES:
        if path.name != "tokens.css":
            text = without_comments(path)
            assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?![^{}]*\{)|\b(rgb|hsl|oklch)a?\(", text), path.name
            unknown = set(re.findall(r"var\((--[a-z0-9-]+)\)", text)) - set(tokens_named())
            assert not unknown, path.name


def test_styles_know_both_directions() -> None:
    banned = (
        r"(?<![\w-])((margin|padding|border)-(left|right)|(left|right)\s*:|text-align:\s*(left|right)|float:)"
    )
    for path in STYLES:
        assert not re.search(banned, without_comments(path)), path.name


def tokens_named() -> list[str]:
    return re.findall(r"(--[a-z0-9-]+):", (STATIC / "css" / "tokens.css").read_text())


def colours(theme: int) -> dict[str, str]:
    text = (STATIC / "css" / "tokens.css").read_text()
    both = {
        name: (light, dark)
        for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", text)
    }
    single = {name: (colour, colour) for name, colour in re.findall(r"--([\w-]+): (#\w{6});", text)}
    return {name: pair[theme] for name, pair in (both | single).items()}


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.1, definition)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "ground", "least"), [*((*pair, 4.5) for pair in TEXTS), *((*pair, 3.0) for pair in SIGNS)]
)
def test_contrast(front: str, ground: str, least: float, theme: int) -> None:
    named = colours(theme)
    assert contrast(named[front], named[ground]) >= least
