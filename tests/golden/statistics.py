#!/usr/bin/env python3
"""Graded records, and what aggregate should make of them, computed a second time with numpy and scipy.

    statistics.py DIR         writes graded.jsonl and the tables below into DIR (tests/golden/statistics)

    plain.tsv      -b model,method,password,k -c moment --subset all,locked --gap
    over.tsv       -b model,method,password,k,domain -c moment --over domain
    compare.tsv    -b method,password,k -c moment --compare model=scratch,sft-8 --subset all,locked
    recovered.tsv  --recovered 0.5 --on all -c moment

all with --interval 0.9 --resamples 500 --seed 3. The draws are those that lib/base/random.h and
lib/stats/bootstrap.h describe (Philox4x32-10 named by XXH3-128), so the intervals are compared digit by digit. On the
way the script asks scipy for the same things (stats.bootstrap, stats.binomtest, stats.permutation_test), by draws of
its own, and fails where they are further apart than chance explains.
"""
import csv
import json
import math
import random
import sys
from collections import defaultdict

import numpy as np
import xxhash
from scipy import stats

LEVEL, RESAMPLES, SEED, FLIPS = 0.9, 500, 3, 9999


# ---- the draws ----

def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & 0xFFFFFFFF, (p >> 32) ^ c[3] ^ k[1], p & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


class Draws:
    def __init__(self, purpose, id, sample=0):
        name = b""
        for part in (SEED, purpose.encode(), id.encode(), sample, 0, 0):
            if isinstance(part, bytes):
                name += len(part).to_bytes(8, "little") + part
            else:
                name += part.to_bytes(8, "little")
        digest = xxhash.xxh3_128_intdigest(name)
        low, high = digest & (2**64 - 1), digest >> 64
        self.key = [low & 0xFFFFFFFF, low >> 32]
        self.high = [high & 0xFFFFFFFF, high >> 32]
        self.block, self.count = [], 0

    def u32(self):
        if not self.block:
            self.block = philox([self.count & 0xFFFFFFFF, self.count >> 32] + self.high, self.key)
            self.count += 1
        return self.block.pop(0)

    def below(self, limit):
        while True:
            low = self.u32()
            product = (low | self.u32() << 32) * limit
            if product % 2**64 >= 2**64 % limit:
                return product >> 64


def resample(ids, number):
    """How often each of the sorted ids is drawn."""
    draws = Draws("bootstrap", ids[0], number)
    times = dict.fromkeys(ids, 0)
    for _ in ids:
        times[ids[draws.below(len(ids))]] += 1
    return times


# ---- the records ----

def make_records():
    chance = random.Random(20)
    records = []
    levels = {("none", "none"): 0.15, ("none", "right"): 0.9}
    for model, ease in (("scratch", 0.8), ("sft-8", 1.1)):
        for i in range(24):
            common = {"id": f"p{i}", "model": model, "domain": "xy"[i % 2], "locked": i % 3 > 0}
            hardness = chance.random()

            def grade(share, **fields):
                correct = 0.5 * hardness + 0.5 * chance.random() < share
                records.append({**common, **fields, "correct": correct})

            for (method, password), share in levels.items():
                grade(share, method=method, password=password)
            for k, share in ((1, 0.25), (4, 0.45), (16, 0.75)):
                for seed in (1, 2):
                    for moment in (1, 2):
                        grade(share * ease + 0.05 * moment, method="sft", password="none", k=k, seed=seed,
                              moment=moment)
    chance.shuffle(records)
    return records


# ---- results ----

class Row:
    """What is left of a group after the choice: seed -> {id: correct}."""

    def __init__(self, keys, moment, seeds):
        self.keys, self.moment, self.seeds = keys, moment, seeds

    def mean(self, times=None):
        means = []
        for graded in self.seeds.values():
            weights = [1 if times is None else times.get(i, 0) for i in graded]
            means.append(np.average(list(graded.values()), weights=weights))
        return float(np.mean(means))

    def sem(self):
        means = [np.mean(list(graded.values())) for graded in self.seeds.values()]
        return float(stats.sem(means)) if len(means) > 1 else math.nan

    def n(self):
        return min(len(graded) for graded in self.seeds.values())

    def ids(self):
        return sorted({i for graded in self.seeds.values() for i in graded})

    def only(self, ids):
        return Row(self.keys, self.moment, {s: {i: c for i, c in g.items() if i in ids}
                                            for s, g in self.seeds.items()})


def order(keys):
    return [(0, 0, "") if k is None else (1, k, "") if isinstance(k, int) else (2, 0, k) for k in keys]


def rows_by(records, fields):
    groups = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for r in records:
        groups[tuple(r.get(f) for f in fields)][r.get("moment")][r.get("seed")][r["id"]] = r["correct"]
    rows = []
    for keys in sorted(groups, key=order):
        options = [Row(keys, moment, seeds) for moment, seeds in groups[keys].items()]
        rows.append(max(options, key=lambda row: (row.mean(), -(row.moment or 0))))
    return rows


def interval(values):
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]


def share(value, floor, ceiling):
    return (value - floor) / (ceiling - floor)


def check_against_scipy(row, got):
    values = np.array([[graded[i] for graded in row.seeds.values()] for i in row.ids()], float).mean(axis=1)
    if len(set(values)) == 1:
        return
    theirs = stats.bootstrap((values,), np.mean, confidence_level=LEVEL, n_resamples=20000, method="percentile",
                             rng=1).confidence_interval
    noise = 3.5 * values.std() / math.sqrt(len(values)) / math.sqrt(RESAMPLES) / 0.4 + 1 / len(values)
    assert abs(theirs.low - got[0]) < noise + 1e-9 and abs(theirs.high - got[1]) < noise + 1e-9, (theirs, got)


def plain(records, locked):
    fields = ["model", "method", "password", "k"]
    rows = []
    for row in rows_by(records, fields):
        rows += [("all", row), ("locked", row.only(locked))]
    everything = sorted({r["id"] for r in records})
    resamples = [resample(everything, b) for b in range(RESAMPLES)]
    yield fields + ["moment", "subset", "correctness", "sem", "seeds", "n", "low", "high", "gap", "gap_low", "gap_high"]
    replicates = {(subset, row.keys): [row.mean(t) for t in resamples] for subset, row in rows}
    means = {(subset, row.keys): row.mean() for subset, row in rows}
    for subset, row in rows:
        here = (subset, row.keys)
        floor, ceiling = ((subset, (row.keys[0], "none", p, None)) for p in ("none", "right"))
        check_against_scipy(row, interval(replicates[here]))
        gaps = [share(*abc) for abc in zip(replicates[here], replicates[floor], replicates[ceiling])]
        yield [*row.keys, row.moment, subset, row.mean(), row.sem(), len(row.seeds), row.n(),
               *interval(replicates[here]), share(means[here], means[floor], means[ceiling]), *interval(gaps)]


def over(records):
    fields = ["model", "method", "password", "k"]
    rows = rows_by(records, fields + ["domain"])
    strata = [sorted({r["id"] for r in records if r["domain"] == d}) for d in "xy"]
    resamples = [{**resample(strata[0], b), **resample(strata[1], b)} for b in range(RESAMPLES)]
    combined = defaultdict(list)
    for row in rows:
        combined[row.keys[:-1]].append(row)
    yield fields + ["moment", "over", "values", "subset", "correctness", "sem", "seeds", "n", "low", "high"]
    for keys, parts in combined.items():
        assert len(parts) == 2
        sem = math.sqrt(sum(p.sem() ** 2 for p in parts)) / 2
        moment = parts[0].moment if parts[0].moment == parts[1].moment else None
        yield [*keys, moment, "domain", 2, "all", float(np.mean([p.mean() for p in parts])), sem,
               min(len(p.seeds) for p in parts), sum(p.n() for p in parts),
               *interval([np.mean([p.mean(t) for p in parts]) for t in resamples])]


def sign_flip(differences, first):
    sizes = {round(abs(d), 9) for d in differences} - {0}
    if len(sizes) <= 1:
        signs = [sum(d < 0 for d in differences), sum(d > 0 for d in differences)]
        return float(stats.binomtest(signs[0], sum(signs)).pvalue) if sum(signs) else 1.0
    draws, hits = Draws("sign-flip", first), 0
    for _ in range(FLIPS):
        signs = []
        while len(signs) < len(differences):
            coins = draws.u32()
            signs += [1 if coins >> bit & 1 else -1 for bit in range(32)]
        hits += abs(np.dot(signs[: len(differences)], differences)) >= abs(sum(differences)) - 1e-12
    p = float((1 + hits) / (1 + FLIPS))
    theirs = stats.permutation_test((np.array(differences),), np.sum, permutation_type="samples", n_resamples=100000,
                                    rng=1).pvalue
    assert abs(p - theirs) < 4 * math.sqrt(theirs * (1 - theirs) / FLIPS) + 4 / FLIPS, (p, theirs)
    return p


def compare(records, locked):
    fields = ["method", "password", "k"]
    rows = {row.keys: row for row in rows_by(records, fields + ["model"])}
    yield fields + ["field", "first", "second", "subset", "first_mean", "second_mean", "difference", "low", "high", "p",
                    "n"]
    for keys in sorted({k[:-1] for k in rows}, key=order):
        for subset in ("all", "locked"):
            sides = [rows[*keys, model] for model in ("scratch", "sft-8")]
            ids = sides[0].ids() if subset == "all" else [i for i in sides[0].ids() if i in locked]
            a, b = ([float(np.mean([g[i] for g in side.seeds.values()])) for i in ids] for side in sides)
            differences = [x - y for x, y in zip(a, b)]
            means = []
            for number in range(RESAMPLES):
                times = resample(ids, number)
                means.append(np.dot([times[i] for i in ids], differences) / len(ids))
            yield [*keys, "model", "scratch", "sft-8", subset, float(np.mean(a)), float(np.mean(b)),
                   float(np.mean(differences)), *interval(means), sign_flip(differences, ids[0]), len(ids)]


def reaches(xs, ys, level):
    """The relation and the x; None for no gap."""
    if ys[0] >= level:
        return "<=", xs[0]
    for i in range(1, len(xs)):
        if ys[i] >= level:
            return "=", float(math.exp(np.interp(level, ys[i - 1 : i + 1], np.log(xs[i - 1 : i + 1]))))
    return ">", xs[-1]


def recovered(records):
    rows = {row.keys: row for row in rows_by(records, ["model", "method", "password", "k"])}
    everything = sorted({r["id"] for r in records})
    resamples = [None] + [resample(everything, b) for b in range(RESAMPLES)]
    yield ["model", "method", "subset", "share", "floor", "ceiling", "relation", "k", "low_relation", "low",
           "high_relation", "high"]
    for model in ("scratch", "sft-8"):
        ks = [1, 4, 16]
        found = []
        for times in resamples:
            floor, ceiling = (rows[model, "none", p, None].mean(times) for p in ("none", "right"))
            assert ceiling - floor >= 0.05
            ys = [rows[model, "sft", "none", k].mean(times) for k in ks]
            found.append(reaches(ks, ys, floor + 0.5 * (ceiling - floor)))
        last = RESAMPLES - 1
        low = sorted(found[1:], key=lambda b: (b[0] != "<=", b[1]))[math.floor((1 - LEVEL) / 2 * last)]
        high = sorted(found[1:], key=lambda b: (b[0] == ">", b[1]))[math.ceil((1 + LEVEL) / 2 * last)]
        yield [model, "sft", "all", 0.5, rows[model, "none", "none", None].mean(),
               rows[model, "none", "right", None].mean(), *found[0], *low, *high]


def cell(value):
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return repr(value) if isinstance(value, float) else str(value)


def main():
    folder = sys.argv[1]
    records = make_records()
    locked = {r["id"] for r in records if r["locked"]}
    with open(f"{folder}/graded.jsonl", "w") as file:
        for record in records:
            file.write(json.dumps(record, separators=(",", ":")) + "\n")
    tables = {"plain": plain(records, locked), "over": over(records), "compare": compare(records, locked),
              "recovered": recovered(records)}
    for name, table in tables.items():
        with open(f"{folder}/{name}.tsv", "w", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows([cell(v) for v in row] for row in table)


main()
