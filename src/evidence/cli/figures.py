"""The command ``evidence figures``: draw the figures of all analyses, or check that the ones kept are still right."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from evidence.cli.options import Data

__all__ = ["figures"]


def figures(
    data: Data = Path("data"),
    output: Annotated[Path, typer.Option(help="Folder of the figures.")] = Path("figures"),
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Leave the folder as it is: draw the figures afresh elsewhere, compare numbers and images with "
            "those in the folder, and exit with 1 if anything differs.",
        ),
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="With --check: largest relative difference of numbers that count as equal.")
    ] = 1e-6,
    image_tolerance: Annotated[
        float,
        typer.Option(help="With --check: largest root mean square difference of equal images, 0 to 255."),
    ] = 0.1,
    output_page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --check: HTML page that shows old, new and difference side by side."
        ),
    ] = None,
) -> None:
    """Draw the forest and the funnel plot of every analysis that can be pooled, as SVG and PNG with their numbers."""
    import evidence as ev
    from evidence.files import drafts, write
    from evidence.report.gallery import write_gallery

    if not check:
        drawn, left = write_gallery(ev.read_review(data), output)
        print(
            f"Figures drawn into {output}: {len(drawn)}. Analyses with too few poolable comparisons: {len(left)}."
        )
        return
    from evidence.report.figure_check import check_figures

    with tempfile.TemporaryDirectory(prefix="figures-") as scratch:
        result = check_figures(
            ev.read_review(data),
            output,
            Path(scratch),
            tolerance=tolerance,
            image_tolerance=image_tolerance,
        )
        if output_page:
            with drafts(output_page.parent) as beside:
                write(beside, output_page.name, result.page())
    print(result.summary())
    if not result.passed:
        raise typer.Exit(1)
