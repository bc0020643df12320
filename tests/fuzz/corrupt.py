"""Ways to corrupt a file: its bytes, its cells, elements and names, and what it is."""

from __future__ import annotations

import csv
import io
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .draw import Rng, pick
from .right_files import Right

SEPARATORS = {".tsv": "\t"}
TEXTS = (".csv", ".tsv", ".txt", ".rm5", ".yaml", ".ipynb", ".md")


def hostile(rng: Rng, outside: Path) -> str:
    """Draw a text that is meant to do harm where it is taken for a name, a number, a path or a page."""
    return str(
        pick(
            rng,
            [
                *(
                    "",
                    " ",
                    ".",
                    "..",
                    "/",
                    "../../x",
                    "../" * 12 + "x",
                    f"{outside}/x",
                    "smith/jones",
                    "a\\b",
                    "C:\\x",
                ),
                *(
                    "~",
                    "~/x",
                    "$HOME",
                    "con",
                    "NUL.txt",
                    "aux",
                    "com1",
                    "a:b",
                    "a.",
                    ".hidden",
                    "-rf",
                    "--help",
                    "*",
                    "?",
                ),
                *(
                    "a\nb",
                    "a\r\nb",
                    "\t",
                    "\x00",
                    "\x01",
                    "\x1b[31m",
                    "\x7f",
                    "\u202eabc",
                    "\ufeff",
                    "\ud7ff",
                    "é",
                    "e\u0301",
                ),
                *(
                    "日本",
                    "🙂",
                    "ﬁ",
                    "ı",
                    "ß",
                    "\u2028",
                    "\u00a0",
                    "\u3000",
                    "`",
                    "$x$",
                    "$$",
                    "%",
                    "%s",
                    "{x}",
                    "{0}",
                    "{{x}}",
                ),
                *(
                    "<b>x</b>",
                    "<script>alert(1)</script>",
                    '"><img src=x onerror=alert(1)>',
                    "javascript:alert(1)",
                ),
                *(
                    "&amp;",
                    "&lt;",
                    "&#0;",
                    "&x;",
                    "]]>",
                    "<!--",
                    "<![CDATA[",
                    "__proto__",
                    "constructor",
                    "toString",
                ),
                *(
                    "=1+1",
                    "@SUM(1)",
                    "+x",
                    "-x",
                    "'",
                    '"',
                    '""',
                    ",",
                    ";",
                    "|",
                    "a,b",
                    "a;b",
                    "#",
                    "# x",
                    "!!python/x",
                ),
                *(
                    "&a",
                    "*a",
                    "[x",
                    "{x",
                    "x: y",
                    "- x",
                    "null",
                    "true",
                    "no",
                    "~",
                    "None",
                    "nan",
                    "NaN",
                    "NA",
                    "<NA>",
                ),
                *(
                    "inf",
                    "-inf",
                    "Infinity",
                    "1e309",
                    "-1e309",
                    "1e308",
                    "1e-320",
                    "1e40",
                    "1e18",
                    "9" * 30,
                    "9" * 5000,
                ),
                *(
                    "-1",
                    "-0",
                    "0",
                    "0.0",
                    "1_000",
                    "1,000",
                    "1.000,5",
                    "١٢",
                    "½",
                    "１",
                    "0x10",
                    "1e5",
                    "+5",
                    "5%",
                    "<0.05",
                ),
                *(
                    "1 000",
                    "2001-01-01",
                    "1/2",
                    "(1)",
                    "a" * 300,
                    "x" * 100_000,
                    "w " * 5_000,
                    "a/" * 500,
                    "([",
                    "(a+)+$",
                ),
            ],
        )
    )


def scramble(rng: Rng, raw: bytes) -> bytes:
    """Flip, cut, repeat, insert or recode bytes."""
    if not raw:
        return raw
    i, j = sorted(int(value) for value in rng.integers(0, len(raw) + 1, 2))
    match rng.integers(13):
        case 0 | 1 | 2:
            found = bytearray(raw)
            for place in rng.integers(0, len(raw), rng.integers(1, 20)):
                found[place] ^= 1 << int(rng.integers(8))
            return bytes(found)
        case 3:
            return raw[:i]
        case 4:
            return raw[:i] + raw[j:]
        case 5:
            return raw[:j] + raw[i:j] + raw[j:]
        case 6:
            return (
                raw[:i]
                + bytes(pick(rng, [b"\x00", b"\xff", b"\xff\xfe", b"\r", b'"', b"\x1a", b"<", b"&"]))
                + raw[i:]
            )
        case 7:
            return (
                bytes(
                    pick(
                        rng,
                        [
                            b"\xff\xfe",
                            b"\xfe\xff",
                            b"\xef\xbb\xbf",
                            b"\x00\x00\xfe\xff",
                            b"PK\x03\x04",
                            b"\x1f\x8b",
                        ],
                    )
                )
                + raw
            )
        case 8:
            return raw.replace(b"\n", bytes(pick(rng, [b"\r\n", b"\r", b"\n\n", b"", b"\x0b"])))
        case 9:
            text = raw.decode("utf-8", "replace")
            return text.encode(
                str(pick(rng, ["utf-16", "utf-16-le", "utf-32", "utf-7", "cp1252", "cp037"])), "replace"
            )
        case 10:
            return b""
        case 11:
            return bytes(
                pick(
                    rng,
                    [
                        b" ",
                        b"\n",
                        b"\x00" * 100,
                        b",",
                        b"\n\n\n",
                        b"\xef\xbb\xbf",
                        b"\xff\xfe",
                        b"<",
                        b"{",
                        b"\x89PNG",
                    ],
                )
            )
        case _:
            return rng.bytes(int(rng.integers(1, 2000)))


def cells(rng: Rng, text: str, separator: str, outside: Path) -> str:
    """Cut, repeat, rename or replace rows, columns and cells of a table."""
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    if not rows or not rows[0]:
        return hostile(rng, outside)
    row, column = int(rng.integers(len(rows))), int(rng.integers(len(rows[0])))
    own = rows[row]
    match rng.integers(14):
        case 0:
            del rows[row:]
        case 1:
            del rows[row]
        case 2:
            del own[min(column, len(own)) :]
        case 3:
            rows.insert(row, list(own))
        case 4 | 5 | 6:
            if own:
                own[column % len(own)] = hostile(rng, outside)
        case 7:
            rows[0][column] = hostile(rng, outside)
        case 8:
            rows[0][column] = pick(rng, rows[0])
        case 9:
            for one in rows:
                one[column : column + 1] = []
        case 10:
            for one in rows:
                one[column : column + 1] *= 2
        case 11:
            rng.shuffle(rows)
        case 12:
            bad = hostile(rng, outside)
            for one in rows[1:]:
                if column < len(one):
                    one[column] = bad
        case _:
            wide = int(pick(rng, [50, 1_999, 30_000]))
            rows[0] += [f"c{number}" for number in range(wide)]
            rows[1:] = [one + ["1"] * wide for one in rows[1:3]]
    made = io.StringIO()
    csv.writer(made, delimiter=separator, lineterminator="\n", escapechar="\\").writerows(rows)
    return made.getvalue()


def elements(rng: Rng, text: str, outside: Path) -> str:
    """Change attributes, texts, names and the nesting of XML."""
    bad = hostile(rng, outside)
    safe = bad.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    spots = list(re.finditer(r'"([^"]*)"|>([^<>]+)<|<(\w+)', text))
    if not spots:
        return bad
    spot = pick(rng, spots)
    group = next(number for number in (1, 2, 3) if spot.group(number) is not None)
    start, end = spot.span(group)
    match rng.integers(10):
        case 0 | 1 | 2:
            return text[:start] + safe + text[end:]
        case 3:
            return text[:start] + bad + text[end:]
        case 4:
            old = spot.group(group)
            return text.replace(f'"{old}"', f'"{safe}"') if group == 1 else text.replace(old, "X")
        case 5:
            deep = int(pick(rng, [50, 200, 20_000]))
            return text[: spot.start()] + "<a>" * deep + "</a>" * deep + text[spot.start() :]
        case 6:
            return re.sub(
                r"(<\w+)",
                rf"\1{'<b/>' if rng.random() < 0.3 else ' X=' + chr(34) + '1' + chr(34)}",
                text,
                count=3,
            )
        case 7:
            name = spot.group(group)
            return (
                re.sub(rf'\s\w+="{re.escape(name)}"', "", text) if group == 1 else text.replace(name, "", 1)
            )
        case 8:
            entity = pick(rng, ["'x'", f"SYSTEM '{outside}/secret.txt'", "SYSTEM 'file:///etc/passwd'"])
            return f"<!DOCTYPE a [<!ENTITY x {entity}>]>{text.partition('?>')[2]}".replace(
                ">Made up<", ">&x;<"
            )
        case _:
            found = re.findall(r"<(?:DICH|CONT|IV|IPD)_DATA.*?</\w+_DATA>", text, re.DOTALL)
            one = pick(rng, found) if found else "<a/>"
            return text.replace(one, one * int(pick(rng, [0, 2, 500])), 1)


def values(rng: Rng, text: str, outside: Path) -> str:
    """Replace, remove, double or wrap keys and values of YAML."""
    bad = hostile(rng, outside)
    match rng.integers(7):
        case 0:
            lines = text.splitlines()
            line = int(rng.integers(len(lines)))
            lines[line] = pick(
                rng,
                [lines[line] + bad[:1000], "  " + lines[line], lines[line].lstrip(), "\t" + lines[line], ""],
            )
            return "\n".join(lines)
        case 1:
            odd = pick(rng, ["1", "[" * 3000, "&a [*a]", "!!python/name:os.system"])
            return f"{text}\n{pick(rng, ['title', 'x'])}: {odd}\n"
        case 2:
            depth = int(pick(rng, [30, 5000]))
            return text + "\nx: " + "[" * depth + "]" * depth + "\n"
        case 3:
            lols = "\n".join(
                f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]" for i in range(9)
            )
            return f"a: &a [x,x]\n{lols}\n{text}"
    try:
        held = yaml.safe_load(text)
    except yaml.YAMLError:
        return text + bad[:1000]
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            walk(node[key])

    walk(held)
    if not places:
        return text + bad[:1000]
    node, key = pick(rng, places)
    match rng.integers(4):
        case 0:
            node[key] = bad
        case 1:
            node[key] = pick(
                rng,
                [None, True, -1, 10**400, 1.5, float("nan"), float("inf"), [], {}, [[]], {"x": 1}, [None]],
            )
        case 2:
            del node[key]
        case _ if isinstance(node, dict):
            node[bad] = node.pop(key)
    try:
        return yaml.safe_dump(held, allow_unicode=True, sort_keys=False)
    except (ValueError, yaml.YAMLError):
        return text + bad[:1000]


def rename(rng: Rng, folder: Path, outside: Path) -> None:
    """Give one name of the tables another everywhere, so that it stays a name."""
    tables = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".csv", ".tsv", ".txt") and path.is_file()
    ]
    if not tables:
        return
    text = decoded(pick(rng, tables).read_bytes())
    if rng.random() < 0.8:  # a word of the rows
        text = text.partition("\n")[2]
    words = [word for word in re.findall(r"[\w-]+", text) if not word.replace(".", "").isdigit()]
    if not words:
        return
    old, new = str(pick(rng, words)), hostile(rng, outside)
    quoted = '"' + new.replace('"', '""') + '"'
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEXTS and path.is_file():
            given = decoded(path.read_bytes())
            put = (
                yaml.safe_dump(new, default_style='"', width=10**6).strip()
                if path.suffix == ".yaml"
                else quoted
            )
            changed = put.join(re.split(rf"(?<![\w-]){re.escape(old)}(?![\w-])", given))
            path.write_text(changed, "utf-8", errors="replace")


def decoded(raw: bytes) -> str:
    """Decode as the files were written."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    return raw.decode("utf-8", "replace")


def replaced(rng: Rng, path: Path, outside: Path) -> None:
    """Put something that is no file, or a file elsewhere, in the place of a file."""
    kept = path.read_bytes()
    path.unlink()
    match rng.integers(8):
        case 0:
            os.mkfifo(path)
        case 1:
            path.symlink_to(outside / "secret.txt")
        case 2:
            path.symlink_to(outside / "nothing")
        case 3:
            path.symlink_to(path)
        case 4:
            path.symlink_to(outside)
        case 5:
            path.mkdir()
        case 6:
            other = path.with_name(
                str(pick(rng, [f"._{path.name}", f"{path.stem} results{path.suffix}", path.name.upper()]))
            )
            other.write_bytes(kept)
        case _:
            path.write_bytes(kept)
            path.chmod(0)


def within(rng: Rng, path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change one part of a workbook, which is a packed folder."""
    try:
        with zipfile.ZipFile(path) as packed:
            parts = {name: packed.read(name) for name in packed.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError, zlib.error):
        path.write_bytes(change(path.read_bytes()))  # corrupted before
        return
    name = pick(rng, sorted(parts))
    parts[name] = change(parts[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for part, raw in parts.items():
            packed.writestr(part, raw)


def corrupt(rng: Rng, folder: Path, right: Right, outside: Path) -> None:
    """Corrupt one to three things of the files in a folder."""
    for _ in range(int(pick(rng, [1, 1, 1, 2, 3]))):
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        if not files:
            return
        path = pick(rng, [file for file in files if file.suffix != ".ipynb"] or files)
        chance = rng.random()
        if chance < 0.05:
            replaced(rng, path, outside)
        elif chance < 0.35:
            rename(rng, folder, outside)
        elif chance < 0.5 or not os.access(path, os.R_OK):
            path.write_bytes(scramble(rng, path.read_bytes()))
        elif zipfile.is_zipfile(path):
            within(
                rng,
                path,
                lambda raw: elements(rng, raw.decode("utf-8", "replace"), outside).encode("utf-8", "replace"),
            )
        else:
            raw = path.read_bytes()
            text = decoded(raw)
            if path.suffix in (".csv", ".tsv", ".txt"):
                try:
                    text = cells(rng, text, max(",;\t", key=text.partition("\n")[0].count), outside)
                except csv.Error:
                    text += hostile(rng, outside)
            elif path.suffix == ".rm5":
                text = elements(rng, text, outside)
            elif path.suffix == ".yaml":
                text = values(rng, text, outside)
            else:
                text += hostile(rng, outside)
            path.write_bytes(text.encode("utf-8", "replace"))
    if rng.random() < 0.01:
        wide = ",".join(map(str, np.arange(200_000)))
        target = folder / right.file
        target = target / "trials.csv" if target.is_dir() else target
        if target.suffix == ".csv" and not target.is_symlink() and not target.is_dir():
            target.unlink(missing_ok=True)
            target.write_text(f"{wide}\n{wide}\n", "utf-8")
