"""The code of clusters in strata, by size or in three stages, in R, Stata, SAS and Python."""

from __future__ import annotations

from collections.abc import Sequence

from estimation_engine.designs.code import (
    DesignCode,
    python_sizes,
    quoted_in_sas,
    quoted_in_stata,
    r_lonely,
    r_sizes,
    stata_lonely,
)
from lazy_dataclasses import dataclass


@dataclass(frozen=True)
class GroupOfCode:
    """A group with a drawn row, with what a program needs of it.

    Parameters
    ----------
    label : str
        As in the sample's column ``_stratum``.
    stratum, cluster : int
        Their numbers.
    clusters, clusters_drawn : int
        Of the stratum.
    chance : float
        The probability of the cluster.
    certain : bool
        Whether the cluster was drawn with certainty by its size.
    groups, groups_drawn : int
        Of the cluster: its subclusters.
    rows, rows_drawn : int
        Of the group.
    ultimate : int
        1 if the clusters of the stratum are measured whole, 2 if the subclusters of the cluster
        are, as if they were drawn with replacement; else 0.
    """

    label: str
    stratum: int
    cluster: int
    clusters: int
    clusters_drawn: int
    chance: float
    certain: bool
    groups: int
    groups_drawn: int
    rows: int
    rows_drawn: int
    ultimate: int


FIGURES = (
    "stratum",
    "cluster",
    "clusters",
    "clusters_drawn",
    "chance",
    "groups",
    "groups_drawn",
    "rows",
    "ultimate",
)
"""What R and Stata read."""


def design_code(
    groups: Sequence[GroupOfCode], *, by_size: bool, has_subclusters: bool, is_lonely: bool
) -> DesignCode:
    """The parts of the programs; ``is_lonely`` if a unit alone gives no variance."""
    with_replacement = by_size or any(each.ultimate == 1 for each in groups)
    return DesignCode(
        r=_r(groups, by_size=by_size, has_subclusters=has_subclusters, fails=is_lonely),
        stata=_stata(groups, by_size=by_size),
        stata_units=_stata_units(
            groups, by_size=by_size, has_subclusters=has_subclusters, fails=is_lonely
        ),
        sas=_sas(groups, with_replacement=with_replacement),
        sas_options="" if with_replacement else " total=sizes",
        sas_units="strata _stratum_number; cluster _cluster_number; ",
        python=_python(groups, by_size=by_size),
    )


ULTIMATE_IN_R = """# Where a later stage drew one unit of several, units are measured whole, as if
# drawn with replacement: without a correction, and with no stage inside.
"""


def _figures(groups: Sequence[GroupOfCode], name: str) -> dict[str, float]:
    return {group.label: getattr(group, name) for group in groups}


def _r(groups: Sequence[GroupOfCode], *, by_size: bool, has_subclusters: bool, fails: bool) -> str:
    lists = "".join(r_sizes(f"{name}_i", _figures(groups, name)) for name in FIGURES)
    read = "".join(f"d${name} <- {name}_i[d$group]\n" for name in FIGURES)
    ids = "~cluster + group + row" if has_subclusters else "~cluster + row"
    if by_size:
        middle = "p2 + " if has_subclusters else ""
        sizes = f'weights = ~w, fpc = ~p1 + {middle}p3, pps = "brewer"'
        whole = """d$p1[d$ultimate == 1] <- 0
d$p2 <- ifelse(d$ultimate == 1, 1, ifelse(d$ultimate == 2, 0, d$p2))
d$p3[d$ultimate > 0] <- 1
"""
    else:
        middle = "groups + " if has_subclusters else ""
        sizes = f"weights = ~w, fpc = ~clusters + {middle}rows"
        whole = """d$clusters[d$ultimate == 1] <- Inf
d$groups <- ifelse(d$ultimate == 1, d$groups_drawn, ifelse(d$ultimate == 2, Inf, d$groups))
d$rows <- ifelse(d$ultimate > 0, ave(d$row, d$group, FUN = length), d$rows)
"""
    return f"""{lists}d$group <- s[["_stratum"]]
{read}stopifnot(!anyNA(d$rows))
# survey reads unequal probabilities in the order in which clusters appear: number them so.
d$cluster <- match(d$cluster, unique(d$cluster))
d$p1 <- d$chance
d$p2 <- d$groups_drawn / d$groups
d$p3 <- ave(d$row, d$group, FUN = length) / d$rows
d$w <- 1 / (d$p1 * d$p2 * d$p3)
{ULTIMATE_IN_R + whole if any(each.ultimate for each in groups) else ""}\
{r_lonely(fails=fails)}design <- svydesign(ids = {ids}, strata = ~stratum, {sizes},
  data = d, variables = s)
"""


def _stata(groups: Sequence[GroupOfCode], *, by_size: bool) -> str:
    names = {name: f"_{name}" for name in FIGURES}
    names |= {"stratum": "_stratum_number", "cluster": "_cluster_number"}
    made = "".join(f"generate double {own} = .\n" for own in names.values())
    listed = "".join(
        f"replace {names[name]} = {getattr(group, name)!r} "
        f"if _stratum == {quoted_in_stata(group.label)}\n"
        for group in groups
        for name in FIGURES
    )
    limit = (
        "* Stata takes the clusters as drawn with replacement: its errors are a little larger.\n"
        "* A stratum with one drawn cluster, as a cluster drawn with certainty is, adds nothing\n"
        "* to them (singleunit), so the variance inside such a cluster is left out.\n"
        if by_size
        else ""
    )
    shares = (
        "* Where a later stage drew one unit of several, units are measured whole, as if\n"
        "* drawn with replacement: by a share of 0, and of 1 for the stages inside.\n"
        "generate double _share1 = cond(_ultimate == 1, 0, _clusters_drawn / _clusters)\n"
        "generate double _share2 = cond(_ultimate == 1, 1, "
        "cond(_ultimate == 2, 0, _groups_drawn / _groups))\n"
        "generate double _share3 = cond(_ultimate > 0, 1, _drawn / _rows)\n"
        if any(each.ultimate for each in groups) and not by_size
        else ""
    )
    return f"""{made}{listed}bysort _stratum: generate double _drawn = _N
generate double _w = _groups / (_chance * _groups_drawn) * _rows / _drawn
egen _group_number = group(_stratum)
{shares}{limit}"""


def _stata_units(
    groups: Sequence[GroupOfCode], *, by_size: bool, has_subclusters: bool, fails: bool
) -> str:
    first = "_cluster_number [pweight = _w], strata(_stratum_number)"
    if by_size:
        return first + stata_lonely(fails=False)
    if any(each.ultimate for each in groups):
        second = " || _group_number, fpc(_share2)" if has_subclusters else ""
        return f"{first} fpc(_share1){second} || _n, fpc(_share3){stata_lonely(fails=fails)}"
    second = " || _group_number, fpc(_groups)" if has_subclusters else ""
    return f"{first} fpc(_clusters){second} || _n, fpc(_rows){stata_lonely(fails=fails)}"


def _sas(groups: Sequence[GroupOfCode], *, with_replacement: bool) -> str:
    listed = "\n".join(
        f"  if _stratum = {quoted_in_sas(group.label)} then do; _rows = {group.rows}; "
        f"_stratum_number = {group.stratum}; _cluster_number = {group.cluster}; "
        f"_clusters = {group.clusters}; "
        f"_first = {group.groups} / ({group.chance!r} * {group.groups_drawn}); end;"
        for group in groups
    )
    sizes = (
        "/* SAS takes the clusters as drawn with replacement: its errors are a little larger. */\n"
        if with_replacement
        else """proc sql;
  create table sizes as select distinct _stratum_number, _clusters as _total_ from d;
quit;
/* SAS takes the first stage alone: with some rows of a cluster its errors are a little smaller. */
"""
    )
    return f"""data d;
  set s;
{listed}
  if missing(_rows) then do;
    put 'ERROR: a cluster of sample.csv is not one of the sample.';
    abort cancel;
  end;
run;
proc sql;
  create table d2 as select *, count(*) as _drawn from d group by _stratum;
quit;
data d; set d2; _w = _first * _rows / _drawn; run;
{sizes}"""


def _python(groups: Sequence[GroupOfCode], *, by_size: bool) -> str:
    names = (*FIGURES, "certain")
    lists = "".join(python_sizes(f"{name.upper()}_I", _figures(groups, name)) for name in names)
    between = (
        """        c = np.array([1 if ultimate[i] == 1 else 1 - chance[i] for i in inside])
        size = len(inside)
        if size > 1:
            found += size / (size - 1) * (c * (totals - totals.mean()) ** 2).sum()
        elif c[0] > 0:
            return float("nan")  # one cluster of several gives no variance"""
        if by_size
        else """        whole = np.inf if ultimate[inside[0]] == 1 else clusters[h]
        found += spread(totals, whole)"""
    )
    return f"""{lists}\
group = np.array([row["_stratum"] for row in rows])
cluster = np.array([CLUSTER_I[i] for i in group])
stratum = np.array([STRATUM_I[i] for i in group])
drawn = {{i: int((group == i).sum()) for i in ROWS_I}}
chance = {{CLUSTER_I[i]: CHANCE_I[i] for i in ROWS_I}}
clusters = {{STRATUM_I[i]: CLUSTERS_I[i] for i in ROWS_I}}
ultimate = {{CLUSTER_I[i]: ULTIMATE_I[i] for i in ROWS_I}}
share = {{CLUSTER_I[i]: GROUPS_DRAWN_I[i] / GROUPS_I[i] for i in ROWS_I}}
w = np.array([1 / (CHANCE_I[i] * share[CLUSTER_I[i]]) * ROWS_I[i] / drawn[i] for i in group])


def degrees(has_value):
    units = {{}}
    for i, (h, c, g) in enumerate(zip(stratum, cluster, group)):
        if not has_value[i]:
            continue
        if not CERTAIN_I[g]:
            if (w[stratum == h] != 1).any():
                units.setdefault(("stratum", h), set()).add(c)
        elif share[c] < 1 or ultimate[c] == 2:
            units.setdefault(("cluster", c), set()).add(g)
        elif drawn[g] < ROWS_I[g]:
            units.setdefault(("group", g), set()).add(i)
    return sum(len(inside) - 1 for inside in units.values())


def variance(t):
    found = 0.0
    for h in clusters:
        inside = sorted(set(cluster[stratum == h]))
        totals = np.array([t[cluster == i].sum() for i in inside])
{between}
    # 1: clusters are measured whole, 2: subclusters; the stages inside are in that.
    for i in chance:
        if ultimate[i] == 1:
            continue
        own = [g for g in ROWS_I if CLUSTER_I[g] == i]
        totals = np.array([t[group == g].sum() for g in own])
        found += chance[i] * spread(totals, np.inf if ultimate[i] == 2 else GROUPS_I[own[0]])
    for g in ROWS_I:
        if ultimate[CLUSTER_I[g]]:
            continue
        whole = chance[CLUSTER_I[g]] * share[CLUSTER_I[g]]
        found += whole * spread(t[group == g], ROWS_I[g])
    return found
"""
