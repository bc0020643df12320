"""The figures of several networks on a page."""

from __future__ import annotations

from collections.abc import Iterable

from evidence.appraisal.effect_words import outcome_words
from evidence.appraisal.networks.components import AdditiveModel
from evidence.appraisal.networks.findings import NetworkFindings
from evidence.report.publish import publish_figure
from evidence.wording import counted, in_words, plain

__all__ = ["publish_agreement", "publish_estimates", "publish_networks", "publish_sums"]


def _key(found: NetworkFindings) -> str:
    return f"{found.source.outcome}-{found.source.window}"


def publish_networks(networks: Iterable[NetworkFindings]) -> None:
    """Show the graph of each network, that of the first open.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_networks(ev.networks_of(review, ["disability"], ["long"]))
    {'text/plain': 'Networ...
    """
    from evidence import figures

    for place, found in enumerate(networks):
        figure, trials = figures.network_graph(found.source.whole), set(found.source.whole["trial_id"])
        apart = found.protocol.count_trials(trials) < len(trials)
        strata = " Strata of one trial are drawn as studies of their own." if apart else ""
        caption = f"Network of trials for {found.title}.{strata}"
        publish_figure(figure, f"network-{_key(found)}", caption=caption, folded=place > 0)


def publish_estimates(networks: Iterable[NetworkFindings]) -> None:
    """Show what each network tells against its reference, and of those treatments against each other; folded.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_estimates(ev.networks_of(review, ["disability"], ["long"], reference="usual care"))
    {'text/plain': 'Treatm...
    """
    from evidence import figures

    for found in networks:
        if not (told := [one.one for one in found.told]):
            continue
        net, measure, name = found.net, found.source.measure, found.title
        own = outcome_words(found.source.review, found.source.outcome, measure).unit
        unit = "standard deviations" if measure == "SMD" else own
        figure = figures.network_forest(
            net, treatments=told, measure_label=measure, favours=("favours treatment", "favours reference")
        )
        caption = (
            f"Treatments against {plain(net.reference)}, {name} ({unit}); {found.contributing} of "
            f"{counted(found.trials, 'trial')} contribute."
        )
        publish_figure(figure, f"network-forest-{_key(found)}", caption=caption, folded=True)
        least = found.protocol.model.minimum_studies
        shown = [*told, net.reference]
        figure = figures.league(
            net,
            treatments=shown,
            least_direct=least,
            trials=dict(zip(net.studies, found.source.trials["study"], strict=True)),
            measure_label=measure,
        )
        caption = (
            f"Each of these treatments against each other, {name}: below the diagonal network estimates, above it "
            f"what at least {in_words(least)} trials found directly."
        )
        publish_figure(figure, f"league-{_key(found)}", caption=caption, folded=True)


def publish_agreement(networks: Iterable[NetworkFindings]) -> None:
    """Show direct beside indirect evidence, where both and a result are told; folded.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_agreement(ev.networks_of(review, ["disability"], ["long"]))
    {'text/plain': 'Direct...
    """
    from evidence import figures

    for found in networks:
        both = found.both
        told = [one.fit is not None for one in map(found.finding, both["treat1"], both["treat2"])]
        if any(told):
            figure = figures.direct_indirect(both[told], measure_label=found.source.measure)
            caption = f"Direct, indirect and network estimates, {found.title}."
            publish_figure(figure, f"network-split-{_key(found)}", caption=caption, folded=True)


def publish_sums(models: Iterable[AdditiveModel]) -> None:
    """Show how the parts of each combination add up to it, where the model tells all of them; folded.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> networks = ev.networks_of(review, ["disability"], ["long"], reference="usual care")
    >>> ev.publish_sums(ev.additive_models(networks, "no treatment"))
    {'text/plain': 'Compon...
    """
    from evidence import figures

    for one in models:
        net, name = one.found.net, one.found.title
        for node in (each.one for each in one.combinations):
            if set(node.split("+")) <= set(one.model.estimable):
                measure = one.found.source.measure
                figure = figures.waterfall(
                    one.model, node, against=net.reference, net=net, measure_label=measure
                )
                file = f"waterfall-{_key(one.found)}-{node.replace('+', '-').replace('_', '-')}"
                publish_figure(
                    figure, file, caption=f"Components adding up to {plain(node)}, {name}.", folded=True
                )
