"""What the documents point at exists, and their sentences can be read once."""

import re
import statistics
from pathlib import Path

from tests.architecture.product import ROOMS, ROOT, texts, tracked_files
from tests.architecture.prose import paragraphs, sentences, words

LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
PATH = re.compile(rf"`((?:{'|'.join((*ROOMS, 'tests', 'deploy', 'docs', 'templates'))})/[\w./-]+)`")
RECORDS = {"CHANGELOG.md"}  # it says what was, and lists what is new

NAME = re.compile(r"\b((?:test|mdp)_[a-z0-9_]*[a-z0-9]|[A-Z][A-Z0-9]+_[A-Z0-9_]+)\b")
"""Names of tests, of metrics, and of settings and constants."""
TOTAL = "_total"  # the client library adds it to the names of counters
COMMAND = re.compile(r"manage\.py (\w+)")
TARGET = re.compile(r"`make ([\w-]+)")
OF_OTHERS = {
    *("HTTPS_PROXY", "SSL_CERT_FILE", "MDP_TOKEN"),
    *("check", "collectstatic", "createsuperuser", "migrate", "qcluster"),
}
"""Names of libraries, and of an example."""

LONGEST_LINE = 130
LONGEST_SENTENCE = 36
MEAN_SENTENCE = 14.0
SHORTEST_SENTENCE = 3
"""Words of the shortest text that counts as a sentence: names in tables are none."""

GLOSSARY = ROOT / "docs" / "glossary.md"
UNUSED = "## Words that are not used"


def documents() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".md"]


def anchors_of(path: Path) -> set[str]:
    """The anchors that code hosts make of headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def unused_words() -> list[str]:
    """The words that the glossary replaces by others."""
    table = GLOSSARY.read_text().partition(UNUSED)[2]
    cells = re.findall(r"^\| ([a-z, ]+) \|", table, re.MULTILINE)
    return [word for cell in cells[1:] for word in cell.split(", ")]


def lengths_of_sentences(document: str) -> dict[str, int]:
    counted = {sentence: len(words(sentence)) for sentence in sentences(document)}
    return {sentence: length for sentence, length in counted.items() if length >= SHORTEST_SENTENCE}


def long_lines(document: str) -> list[int]:
    """The numbers of the lines that are too long. A row of a table cannot be broken."""
    return [
        number
        for number, line in enumerate(document.splitlines(), 1)
        if len(line) > LONGEST_LINE and not line.startswith("|")
    ]


def test_each_link_between_documents_leads_somewhere() -> None:
    broken = []
    for path in documents():
        for target, anchor in LINK.findall(path.read_text()):
            file = (path.parent / target).resolve() if target else path
            if not file.exists() or (anchor and anchor not in anchors_of(file)):
                broken.append(f"{path.relative_to(ROOT)}: {target}{'#' + anchor if anchor else ''}")
    assert broken == []


def test_each_path_that_a_document_names_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {named}"
        for path in documents()
        if path.name not in RECORDS
        for named in PATH.findall(path.read_text())
        if not (ROOT / named).exists() and "NAME" not in named
    ]
    assert missing == []


def test_each_name_that_a_document_takes_from_the_code_is_in_the_code() -> None:
    code = {path: text for path, text in texts() if path.suffix != ".md"}
    known = {path.stem for path in code} | {name for text in code.values() for name in NAME.findall(text)}
    commands = {path.stem for path in code if path.parent.name == "commands"}
    targets = set(re.findall(r"^([\w-]+):", code[ROOT / "Makefile"], re.MULTILINE))
    missing = []
    for path in documents():
        if path.name in RECORDS:
            continue
        text = path.read_text()
        unknown = {name for name in NAME.findall(text) if not known & {name, name.removesuffix(TOTAL)}}
        unknown |= set(COMMAND.findall(text)) - commands
        unknown |= set(TARGET.findall(text)) - targets
        missing += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(unknown - OF_OTHERS)]
    assert missing == []


def test_each_page_is_linked_from_the_map_of_the_pages() -> None:
    linked = {target for target, _ in LINK.findall((ROOT / "docs" / "architecture.md").read_text())}
    pages = {path.name for path in documents() if path.parent == ROOT / "docs"}
    assert pages - linked == {"architecture.md"}


def test_no_line_of_a_document_is_longer_than_an_editor_shows() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in documents() for line in long_lines(path.read_text())
    ]
    assert found == [], f"lines of more than {LONGEST_LINE} characters"


def test_no_document_uses_a_word_that_the_glossary_replaces() -> None:
    unused = unused_words()
    assert "told" in unused, "the table of the glossary was not found: this test has lost its subject"
    private = re.compile(rf"\b(?:{'|'.join(unused)})s?\b", re.IGNORECASE)
    found = []
    for path in documents():
        text = path.read_text()
        if path == GLOSSARY:
            text = text.partition(UNUSED)[0]
        for paragraph in paragraphs(text):
            found += [
                f"{path.relative_to(ROOT)}: {word!r} in {paragraph!r}" for word in private.findall(paragraph)
            ]
    assert found == [], "docs/glossary.md says which word to use"


def test_the_sentences_of_a_document_are_short() -> None:
    found = []
    for path in documents():
        lengths = lengths_of_sentences(path.read_text())
        name = str(path.relative_to(ROOT))
        if lengths and (mean := statistics.mean(lengths.values())) > MEAN_SENTENCE:
            found.append(f"{name}: {mean:.1f} words in the mean, {MEAN_SENTENCE} at most")
        if path.name not in RECORDS:
            found += [f"{name}: {text!r}" for text, length in lengths.items() if length > LONGEST_SENTENCE]
    assert found == [], f"sentences of more than {LONGEST_SENTENCE} words, or of too many in the mean"


PAGE = """# A heading

A sentence with `code of many words` and a [link to
a page](page.md). *Another one.* It goes on.

- An item
  over two lines.
- The next

| name | meaning |
|---|---|
| `x` | the first; it is known |

    an example that is no prose

```
code that is told
```
<!-- schema: bars -->
| written by a program, and told |
<!-- end of schema -->
"""


def test_prose_is_read_without_code_and_without_what_programs_write() -> None:
    assert list(sentences(PAGE)) == [
        "A heading",
        "A sentence with code and a link to a page.",
        "*Another one.*",
        "It goes on.",
        "An item over two lines.",
        "The next",
        "name",
        "meaning",
        "code",
        "the first; it is known",
    ]
    assert len(words("A price of 4, or none.")) == 6
    assert long_lines("x" * LONGEST_LINE + "\n" + "x" * (LONGEST_LINE + 1) + "\n|" + "x" * 200) == [2]
