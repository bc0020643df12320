"""Metadata of a report for an archive, as a Research Object Crate.

A crate is a folder with one JSON-LD file, and the little that is said here needs no library of its own.
"""

from __future__ import annotations

import json
import mimetypes
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evidence.errors import DataError
from evidence.files import inside, write
from evidence.report.manifest import add_output, read_manifest
from evidence.tables.review import Review

__all__ = ["FILE_NAME", "crate_metadata", "write_crate"]

FILE_NAME = "ro-crate-metadata.json"


def crate_metadata(review: Review, report: Path) -> dict[str, Any]:
    """Describe a report folder.

    Parameters
    ----------
    review : Review
        What the report is about.
    report : Path
        Folder of the report, with its ``manifest.json``.

    Returns
    -------
    dict
        The JSON-LD of RO-Crate 1.1: the folder as a dataset, every file in it with its size, format and SHA-256, the
        run that made them with the software used, and the publications that the results were read from.

    Raises
    ------
    DataError
        If the folder holds no report.

    References
    ----------
    .. [1] RO-Crate Metadata Specification 1.1, https://w3id.org/ro/crate/1.1
    """
    try:
        manifest = read_manifest(report)
        outputs, inputs, packages = manifest["outputs"], manifest["inputs"], manifest["packages"]
    except KeyError:
        raise DataError(f"{report} holds no report; make one first with: evidence report") from None
    protocol = review.protocol
    listed = {name: code for name, code in outputs.items() if name != FILE_NAME}
    files = [_file(report, name, code) for name, code in listed.items() if inside(report, name).is_file()]
    sources = _publications(review)
    version = str(packages["evidence"])
    software = {
        "@id": "#evidence",
        "@type": "SoftwareApplication",
        "name": "evidence",
        "version": version,
        "softwareRequirements": [
            f"Python {manifest['python']}",
            *(f"{n} {v}" for n, v in packages.items() if n != "evidence"),
        ],
    }
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": "Running the notebooks",
        "startTime": manifest["started"],
        "endTime": manifest["finished"],
        "instrument": {"@id": "#evidence"},
        "object": [{"@id": f"#input/{name}"} for name in inputs],
        "result": [{"@id": "./"}],
    }
    terms = protocol.licence
    licence = {
        "@id": terms.url if terms else "#licence",
        "@type": "CreativeWork",
        "name": terms.title if terms else "not stated",
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": protocol.title,
        "description": protocol.scope_note.strip() or f"Report of the review: {protocol.title}",
        "datePublished": datetime.fromisoformat(manifest["finished"]).astimezone(UTC).date().isoformat(),
        "license": {"@id": licence["@id"]},
        "hasPart": [{"@id": file["@id"]} for file in files],
        "citation": [{"@id": source["@id"]} for source in sources],
        "mentions": {"@id": "#run"},
    }
    descriptor = {
        "@id": FILE_NAME,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    given = [
        {"@id": f"#input/{name}", "@type": "CreativeWork", "name": name, "sha256": code}
        for name, code in inputs.items()
    ]
    graph = [descriptor, root, *files, software, run, licence, *given, *sources]
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}


def write_crate(review: Review, report: Path) -> Path:
    """Write the metadata into the folder of a report.

    Parameters
    ----------
    review : Review
    report : Path
        Folder of the report.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the folder holds no report.
    """
    text = json.dumps(crate_metadata(review, report), ensure_ascii=False, indent=1)
    path = report / FILE_NAME
    write(report, FILE_NAME, text + "\n")
    add_output(report, FILE_NAME)
    return path


def _file(report: Path, name: str, code: str) -> dict[str, Any]:
    kind = mimetypes.guess_type(name)[0] or {".ipynb": "application/x-ipynb+json"}.get(Path(name).suffix)
    entry: dict[str, Any] = {
        "@id": name,
        "@type": "File",
        "name": Path(name).name,
        "contentSize": str((report / name).stat().st_size),
        "sha256": code,
    }
    return entry | ({"encodingFormat": kind} if kind else {})


def _publications(review: Review) -> list[dict[str, Any]]:
    trials = review.trials[review.trials["doi"] != ""].drop_duplicates("doi")
    return [
        {
            "@id": f"https://doi.org/{row['doi']}",
            "@type": "ScholarlyArticle",
            "name": row["citation"] or row["label"],
        }
        for row in trials.to_dict("records")
    ]
