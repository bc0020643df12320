"""Figures at print quality; each carries the numbers it shows and a description in words.

The functions share their names with their modules, so they are imported here and not on first use.
"""

from __future__ import annotations

from evidence.figures.albatross import albatross
from evidence.figures.appraisal.bars import bars
from evidence.figures.appraisal.bias_sensitivity import bias_sensitivity
from evidence.figures.appraisal.bias_summary import bias_summary
from evidence.figures.appraisal.certainty import certainty
from evidence.figures.appraisal.choice_importance import choice_importance
from evidence.figures.appraisal.data_quality import data_quality
from evidence.figures.appraisal.map_table import map_table
from evidence.figures.appraisal.prisma_flow import prisma_flow
from evidence.figures.appraisal.sequential import sequential
from evidence.figures.appraisal.specification_curve import specification_curve
from evidence.figures.appraisal.traffic_light import traffic_light
from evidence.figures.appraisal.verdicts import verdicts
from evidence.figures.baujat import baujat
from evidence.figures.bubble import bubble
from evidence.figures.comparison import comparison
from evidence.figures.doi import doi
from evidence.figures.drapery import drapery
from evidence.figures.drawing.canvas import EvidenceFigure
from evidence.figures.evidence_map import evidence_map
from evidence.figures.forest import forest
from evidence.figures.funnel import funnel
from evidence.figures.gosh import gosh
from evidence.figures.harvest import harvest
from evidence.figures.influence import influence
from evidence.figures.labbe import labbe
from evidence.figures.network.component_forest import component_forest
from evidence.figures.network.direct_indirect import direct_indirect
from evidence.figures.network.forest import network_forest
from evidence.figures.network.funnel import network_funnel
from evidence.figures.network.graph import network_graph
from evidence.figures.network.league import league
from evidence.figures.network.rankogram import rankogram
from evidence.figures.network.waterfall import waterfall
from evidence.figures.posterior import posterior
from evidence.figures.profile import profile
from evidence.figures.qq import qq
from evidence.figures.radial import radial
from evidence.figures.refits import cumulative, leave_one_out
from evidence.figures.save import save
from evidence.figures.scale.batch import batch
from evidence.figures.scale.coverage import coverage
from evidence.figures.shrinkage import shrinkage

__all__ = [
    "EvidenceFigure",
    "albatross",
    "bars",
    "batch",
    "baujat",
    "bias_sensitivity",
    "bias_summary",
    "bubble",
    "certainty",
    "choice_importance",
    "comparison",
    "component_forest",
    "coverage",
    "cumulative",
    "data_quality",
    "direct_indirect",
    "doi",
    "drapery",
    "evidence_map",
    "forest",
    "funnel",
    "gosh",
    "harvest",
    "influence",
    "labbe",
    "league",
    "leave_one_out",
    "map_table",
    "network_forest",
    "network_funnel",
    "network_graph",
    "posterior",
    "prisma_flow",
    "profile",
    "qq",
    "radial",
    "rankogram",
    "save",
    "sequential",
    "shrinkage",
    "specification_curve",
    "traffic_light",
    "verdicts",
    "waterfall",
]
