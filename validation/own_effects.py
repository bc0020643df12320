"""Write the effects of every analysis of the review in ``data/`` for the R scripts to pool (own_effects.csv)."""

from pathlib import Path

import pandas as pd

import evidence as ev

HERE = Path(__file__).parent

review = ev.read_review(HERE.parent / "data")
frames = [review.effects(name) for name in review.analyses]
effects = pd.concat([frame for frame in frames if len(frame) > 1])
effects[["analysis", "label", "effect", "variance"]].to_csv(HERE / "own_effects.csv", index=False)
