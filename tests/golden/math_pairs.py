"""Pairs of answers that differ as strings, made from the answers of the MATH test set, judged by grade-math and by
math-verify, and listed where the two disagree.

    math_pairs.py pairs   DATA/math/test.jsonl PAIRS.jsonl
    math_pairs.py theirs  PAIRS.jsonl THEIRS.jsonl           (math-verify installed)
    math_pairs.py ours    PAIRS.jsonl OURS.jsonl             (our tools on the PATH)
    math_pairs.py compare PAIRS.jsonl OURS.jsonl THEIRS.jsonl
    math_pairs.py sample  PAIRS.jsonl OURS.jsonl             (to stdout: tests/golden/math/pairs.jsonl)

A pair says what was done to the reference (`kind`), and whether that keeps its meaning (`same`: true, false, or null for
answers of other problems). The last step prints a table by kind and every disagreement, a line each; what we think of
them stands in math_disagreements.md.
"""
import json
import multiprocessing
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from fractions import Fraction

EACH = 700  # pairs of a kind, at most


def last_box(text):
    start = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    depth = 0
    for i in range(text.index("{", start), len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[text.index("{", start) + 1 : i]
    raise ValueError(text)


INT = re.compile(r"-?\d+")
FRACTION = re.compile(r"(-?)\\[dt]?frac\{(\d+)\}\{(\d+)\}")
PLAIN = re.compile(r"[0-9a-z+\-^{}\\ ().]*")


def is_int(a):
    return INT.fullmatch(a) is not None


def whole_fraction(a):
    m = FRACTION.fullmatch(a.strip())
    return m and (m[1], int(m[2]), int(m[3]))


def is_expression(a):
    """Nothing but an expression: no list, relation, text, unit."""
    return not re.search(r"[,=<>:$%&_]|text|mbox|cup|in |\\\\|\\circ|\\pm|infty|[\[\]A-Z]|\\{|\\%|\d \d", a)


def split_top(a, signs):
    """Cuts at signs outside of all brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(a):
        if c in "({[":
            depth += 1
        elif c in ")}]":
            depth -= 1
        elif c in signs and depth == 0 and i > 0:
            parts.append(a[start:i])
            start = i if c in "+-" else i + 1
    return parts + [a[start:]]


def inner_list(a):
    m = re.fullmatch(r"(\\left\s*)?([(\[])(.*?)(\\right\s*)?([)\]])", a)
    return m and (m[2], split_top(m[3], ","), m[5])


def groups_digits(a):
    return f"{int(a):,}" if is_int(a) and abs(int(a)) >= 1000 else None


# ---- rewrites that keep the meaning ----


def keep_dfrac(a):
    return a.replace("\\frac", "\\dfrac")


def keep_tfrac(a):
    return a.replace("\\dfrac", "\\tfrac").replace("\\frac", "\\tfrac")


def keep_stroke(a):
    return FRACTION.sub(r"\1(\2)/(\3)", a) if is_expression(a) and "^" not in a and not re.search(r"\d *\\[dt]?frac", a) else None


def keep_stroke_bare(a):
    f = whole_fraction(a)
    return f and f"{f[0]}{f[1]}/{f[2]}"


def keep_sign_inside(a):
    f = whole_fraction(a)
    return f and f[0] and f"\\frac{{-{f[1]}}}{{{f[2]}}}"


def keep_sign_below(a):
    f = whole_fraction(a)
    return f and f[0] and f"\\frac{{{f[1]}}}{{-{f[2]}}}"


def keep_expand_fraction(a):
    f = whole_fraction(a)
    return f and f"{f[0]}\\frac{{{3 * f[1]}}}{{{3 * f[2]}}}"


def keep_mixed(a):
    f = whole_fraction(a)
    return f and f[1] > f[2] > 1 and f[1] % f[2] and f"{f[0]}{f[1] // f[2]}\\frac{{{f[1] % f[2]}}}{{{f[2]}}}"


def keep_decimal(a):
    f = whole_fraction(a)
    if not f:
        return None
    text = str(f[1] / f[2])
    return Fraction(text) == Fraction(f[1], f[2]) and f[0] + text


def keep_point_zero(a):
    return is_int(a) and a + ".0"


def keep_decimal_fraction(a):
    if not re.fullmatch(r"-?\d*\.\d+", a):
        return None
    f = Fraction(a)
    return f"\\frac{{{f.numerator}}}{{{f.denominator}}}"


def keep_commas(a):
    return groups_digits(a)


def keep_latex_commas(a):
    g = groups_digits(a)
    return g and g.replace(",", "{,}")


def keep_no_commas(a):
    return re.sub(r",\\!|\{,\}", "", a) if re.search(r"\d(,\\!|\{,\})\d", a) else None


def keep_scientific(a):
    m = re.fullmatch(r"(-?\d+?)(0{2,})", a)
    return m and f"{m[1]} \\times 10^{{{len(m[2])}}}"


def keep_spaces(a):
    return re.sub(r"(?<=[0-9a-z)}])([+\-=])", r" \1 ", a) if "text" not in a and "begin" not in a and "^{-" not in a else None


def keep_left_right(a):
    if "left" in a or "text" in a or not a.startswith("(") or not a.endswith(")"):
        return None
    return "\\left" + a[:-1] + "\\right)"


def keep_dollars(a):
    return f"${a}$"


def keep_period(a):
    return a + "."


def keep_brackets(a):
    return f"({a})" if is_expression(a) else None


def keep_minus_minus(a):
    return f"-(-({a}))" if is_expression(a) else None


def keep_plus_zero(a):
    return a + " + 0" if is_expression(a) else None


def keep_plus_minus_one(a):
    return f"1 + {a} - 1" if is_expression(a) and not a.startswith("-") else None


def keep_double_half(a):
    return f"\\frac{{2({a})}}{{2}}" if is_expression(a) else None


def keep_swap_sum(a):
    parts = split_top(a, "+-") if is_expression(a) else []
    if len(parts) < 2:
        return None
    parts = [p.strip() if p.strip()[0] in "+-" else "+" + p.strip() for p in parts]
    return "".join(reversed(parts)).removeprefix("+")


def keep_cdot(a):
    b = re.sub(r"(\d) *(?=\\sqrt|\\pi|[a-z](?![a-z]))", r"\1 \\cdot ", a)
    return b if is_expression(a) else None


def keep_power_half(a):
    return re.sub(r"\\sqrt\{(\d+)\}", r"(\1)^{1/2}", a) if "frac" not in a else re.sub(r"\\sqrt\{(\d+)\}", r"{(\1)^{\\frac{1}{2}}}", a)


def keep_into_root(a):
    m = re.fullmatch(r"(\d+) *\\sqrt\{?(\d+)\}?", a)
    return m and f"\\sqrt{{{int(m[1]) ** 2 * int(m[2])}}}"


def keep_root_below(a):
    m = re.fullmatch(r"\\frac\{\\sqrt\{(\d+)\}\}\{(\d+)\}", a)
    return m and f"\\frac{{{m[1]}}}{{{m[2]}\\sqrt{{{m[1]}}}}}"


def keep_bmatrix(a):
    return a.replace("pmatrix", "bmatrix")


def keep_matrix_decimal(a):
    return re.sub(r"(-?\d+)/(\d+)", r"\\frac{\1}{\2}", a) if "pmatrix" in a else None


def keep_list_reversed(a):
    parts = split_top(a, ",")
    return len(parts) > 1 and a[0] not in "([\\" and "text" not in a and not re.search(r",\\!|\d,\d\d\d", a) and ", ".join(p.strip() for p in reversed(parts))


def keep_list_and(a):
    parts = split_top(a, ",")
    return len(parts) == 2 and a[0] not in "([\\" and "text" not in a and not re.search(r",\\!|\d,\d\d\d", a) and f"{parts[0]} \\text{{ and }} {parts[1]}"


def keep_list_set(a):
    parts = split_top(a, ",")
    return len(parts) > 1 and a[0] not in "([\\" and "text" not in a and not re.search(r",\\!|\d,\d\d\d", a) and f"\\{{{a}\\}}"


def keep_interval_inequality(a):
    l = inner_list(a)
    if not l or len(l[1]) != 2 or (l[0] + l[2] == "()" and "infty" not in a):
        return None
    low, high = l[1]
    left = "" if "infty" in low else low + (" < " if l[0] == "(" else " \\le ")
    right = "" if "infty" in high else (" < " if l[2] == ")" else " \\le ") + high
    return left + "x" + right


def keep_membership(a):
    return f"x \\in {a}" if ("cup" in a or "infty" in a) and "in " not in a else None


def keep_union_reversed(a):
    parts = re.split(r"\s*\\cup\s*", a)
    return len(parts) > 1 and " \\cup ".join(reversed(parts))


def keep_no_degrees(a):
    return a.replace("^\\circ", "").replace("^{\\circ}", "") if "circ" in a and not re.search("sin|cos|tan", a) else None


def keep_degrees_word(a):
    return re.sub(r"\^\{?\\circ\}?$", r"\\text{ degrees}", a) if not re.search("sin|cos|tan|,", a) else None


def keep_no_percent(a):
    return a.replace("\\%", "")


def keep_percent_decimal(a):
    m = re.fullmatch(r"([\d.]+)\\%", a)
    return m and str(Fraction(m[1]) / 100 * 1.0)


def keep_no_currency(a):
    return a.replace("\\$", "").strip()


def keep_no_unit(a):
    m = re.fullmatch(r"(.*\d[}\\pi ]*)\\(?:text|mbox)\s*\{[^}]*[a-z]{2}[^}]*\}(\^\{?\d\}?)?", a)
    return m and m[1].strip()


def keep_unit(a):
    return a + "\\text{ units}" if is_expression(a) else None


def keep_text_off(a):
    m = re.fullmatch(r"\\text\{([A-Za-z() ]+)\}", a)
    return m and m[1]


def keep_text_on(a):
    return re.fullmatch("[A-Z]", a) and f"\\text{{({a})}}"


def keep_named(a):
    return f"z = {a}" if is_expression(a) and "z" not in a else None


def keep_unnamed(a):
    m = re.fullmatch(r"([a-z]) *= *([^=]*)", a)
    return m and m[1] not in m[2] and m[2]


def keep_equation_swapped(a):
    parts = a.split("=")
    return len(parts) == 2 and f"{parts[1].strip()} = {parts[0].strip()}"


def keep_equation_doubled(a):
    parts = a.split("=")
    return len(parts) == 2 and f"2({parts[0].strip()}) = 2({parts[1].strip()})"


def keep_equation_zero(a):
    parts = a.split("=")
    return len(parts) == 2 and len(parts[0].strip()) > 1 and f"{parts[0].strip()} - ({parts[1].strip()}) = 0"


def keep_square_written(a):
    return re.sub(r"(?<![a-z\\])([a-z])\^2(?!\d)", r"\1 \1", a) if is_expression(a) else None


def keep_braced_power(a):
    return re.sub(r"\^(\d)", r"^{\1}", a)


def keep_unicode(a):
    return a.replace("\\pi", "π").replace("^\\circ", "°").replace("\\infty", "∞").replace("\\cup", "∪")


def keep_factor_out(a):
    parts = split_top(a, "+-") if is_expression(a) and re.search("[a-z]", a.replace("\\frac", "").replace("\\sqrt", "").replace("\\pi", "")) else []
    return len(parts) > 1 and f"x\\left(\\frac{{{a}}}{{x}}\\right)"


def keep_display(a):
    return "\\displaystyle " + a


# ---- edits that change it ----


def change_first(a, change):
    return re.sub(r"(?<![\d^_])\d+(?![\d.])", lambda m: change(m[0]), a, count=1)


def edit_plus_one(a):
    return change_first(a, lambda n: str(int(n) + 1))


def edit_last_plus_one(a):
    return re.sub(r"\d+(?!.*\d)", lambda m: str(int(m[0]) + 1), a, flags=re.S)


def edit_times_ten(a):
    return "." not in a and change_first(a, lambda n: n + "0" if n != "0" else n)


def edit_digits_swapped(a):
    return re.sub(r"(?<!\d)(\d)(\d)(?![\d,{\\])", r"\2\1", a, count=1) if "10" not in a else None


def edit_sign(a):
    return is_expression(a) and a.strip("0.") and (a[1:] if a.startswith("-") else f"-({a})")


def edit_one_sign(a):
    return re.sub(r"(?<=[0-9a-z)} ])\+", "-", a, count=1)


def edit_one_minus(a):
    return re.sub(r"(?<=[0-9a-z)} ])-", "+", a, count=1) if "text" not in a else None


def edit_inverted(a):
    f = whole_fraction(a)
    return f and f[1] != f[2] and f"{f[0]}\\frac{{{f[2]}}}{{{f[1]}}}"


def edit_denominator(a):
    f = whole_fraction(a)
    return f and f"{f[0]}\\frac{{{f[1]}}}{{{f[2] + 1}}}"


def edit_no_root(a):
    return re.sub(r"\\sqrt\{(\d+)\}", r"\1", a) if "\\sqrt{1}" not in a else None


def edit_radicand(a):
    return re.sub(r"\\sqrt\{(\d+)\}", lambda m: f"\\sqrt{{{int(m[1]) + 1}}}", a, count=1)


def edit_cube_root(a):
    return a.replace("\\sqrt{", "\\sqrt[3]{", 1)


def edit_no_pi(a):
    return re.sub(r"(?<=\d) *\\pi", "", a)


def edit_pi_to_e(a):
    return a.replace("\\pi", "e")


def edit_no_i(a):
    return re.sub(r"(\d) *i(?![a-z])", r"\1", a) if "text" not in a else None


def edit_interval_ends(a):
    l = inner_list(a)
    return l and len(l[1]) == 2 and (l[0] + l[2] != "()" or "infty" in a) and "infty" not in l[1][0] and {"(": "[", "[": "("}[l[0]] + ",".join(l[1]) + l[2]


def edit_interval_right(a):
    l = inner_list(a)
    return l and len(l[1]) == 2 and (l[0] + l[2] != "()" or "infty" in a) and "infty" not in l[1][1] and l[0] + ",".join(l[1]) + {")": "]", "]": ")"}[l[2]]


def edit_infinity(a):
    return a.replace("-\\infty", "0") if "-\\infty" in a else a.replace("\\infty", "1000")


def edit_union_less(a):
    parts = re.split(r"\s*\\cup\s*", a)
    return len(parts) > 1 and " \\cup ".join(parts[1:])


def edit_union_meet(a):
    return a.replace("\\cup", "\\cap")


def edit_tuple_turned(a):
    l = inner_list(a)
    return l and len(l[1]) > 1 and l[1][0].strip() != l[1][-1].strip() and "infty" not in a and "cup" not in a and l[0] + ",".join(reversed(l[1])) + l[2] if l and l[1] != l[1][::-1] else None


def edit_tuple_less(a):
    l = inner_list(a)
    return l and len(l[1]) > 2 and l[0] + ",".join(l[1][:-1]) + l[2]


def edit_list_less(a):
    parts = split_top(a, ",")
    return len(parts) > 1 and a[0] not in "([\\" and not re.search(r",\\!|\d,\d\d\d", a) and ",".join(parts[1:])


def edit_list_more(a):
    parts = split_top(a, ",")
    return len(parts) > 1 and a[0] not in "([\\" and "text" not in a and not re.search(r",\\!|\d,\d\d\d", a) and a + ", 1234567"


def edit_exponent(a):
    return re.sub(r"([a-z])\^(\d)", lambda m: f"{m[1]}^{int(m[2]) + 1}", a, count=1)


def edit_squared(a):
    return f"({a})^2" if is_expression(a) and a not in ("0", "1") else None


def edit_variable(a):
    names = re.findall(r"(?<![a-zA-Z\\])[a-df-hj-z](?![a-zA-Z])", a)
    return names and "text" not in a and re.sub(rf"(?<![a-zA-Z\\]){names[0]}(?![a-zA-Z])", "w", a)


def edit_plus_variable(a):
    return is_expression(a) and a + " + x"


def edit_transposed(a):
    m = re.fullmatch(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", a, re.S)
    if not m:
        return None
    rows = [r.split("&") for r in m[1].split("\\\\")]
    turned = list(zip(*rows))
    b = " \\\\ ".join(" & ".join(x.strip() for x in r) for r in turned)
    return [[x.strip() for x in r] for r in turned] != [[x.strip() for x in r] for r in rows] and f"\\begin{{pmatrix}} {b} \\end{{pmatrix}}"


def edit_matrix_rows(a):
    m = re.fullmatch(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", a, re.S)
    rows = [r.strip() for r in m[1].split("\\\\")] if m else []
    return len(rows) > 1 and rows[::-1] != rows and "\\begin{pmatrix} " + " \\\\ ".join(rows[::-1]) + " \\end{pmatrix}"


def edit_base(a):
    return re.sub(r"_\{?(\d+)\}?$", lambda m: f"_{{{int(m[1]) + 1}}}", a)


def edit_letter(a):
    m = re.fullmatch(r"(?:\\text\{)?\(?([A-Z])\)?\}?", a)
    return m and f"\\text{{({chr(ord(m[1]) % 26 + 65)})}}"


def edit_word(a):
    return re.fullmatch(r"\\text\{[a-zA-Z]{2,}\}", a) and "\\text{unrelated}"


def edit_equation_constant(a):
    parts = a.split("=")
    return len(parts) == 2 and f"{parts[0].strip()} = {parts[1].strip()} + 1"


def edit_percent_added(a):
    return is_int(a) and a not in ("0",) and str(Fraction(a) / 100 * 1.0)


def edit_truncated(a):
    return is_int(a) and len(a.lstrip("-")) > 1 and a[:-1]


def edit_rounded(a):
    f = whole_fraction(a)
    if not f or Fraction(str(f[1] / f[2])) == Fraction(f[1], f[2]):
        return None
    return f"{f[0]}{f[1] / f[2]:.2f}"


def edit_ratio(a):
    return re.fullmatch(r"\d+:\d+", a) and ":".join(reversed(a.split(":")))


def edit_factorial(a):
    return is_int(a) and 2 < int(a) < 30 and a + "!"


def edit_function(a):
    return a.replace("\\cos", "\\tan").replace("\\sin", "\\cot") if re.search("sin|cos", a) else None


def sympy_forms(answer):
    """What sympy writes for its own reading of an expression; a reading that is wrong shows as a disagreement."""
    import sympy
    from math_verify import LatexExtractionConfig, parse

    root = 1 + sympy.sqrt(2)
    forms = {
        "expand": sympy.expand,
        "factor": sympy.factor,
        "simplify": sympy.simplify,
        "radsimp": sympy.radsimp,
        "together": lambda e: sympy.together(e + sympy.Rational(1, 3)) - sympy.Rational(1, 3),
        "horner": lambda e: sympy.horner(e) if e.free_symbols else e,
        "times_one": lambda e: sympy.Mul(e, root, evaluate=False) / root,
    }
    try:
        value = parse("\\boxed{" + answer + "}", extraction_config=[LatexExtractionConfig()])[0].doit()
        return [("sympy_" + name, sympy.latex(form(value))) for name, form in forms.items()]
    except Exception:  # whatever sympy trips over gives no pair
        return []


def make_pairs(path):
    random.seed(5)
    answers = sorted({last_box(json.loads(line)["solution"]) for line in open(path)})
    pairs, seen = [], set()

    def add(kind, same, reference, answer):
        if answer and answer != reference and (reference, answer) not in seen:
            seen.add((reference, answer))
            pairs.append({"kind": kind, "same": same, "reference": reference, "answer": answer})

    for name, function in sorted(globals().items()):
        if not name.startswith(("keep_", "edit_")):
            continue
        made = []
        for a in answers:
            b = function(a)
            if b and b != a:
                made.append((a, b))
        for a, b in random.sample(made, min(EACH, len(made))):
            add(name, name.startswith("keep_"), a, b)
    for kind in ["other", "other_alike"]:
        for _ in range(3000):
            a, b = random.choice(answers), random.choice(answers)
            if kind == "other_alike":
                alike = [c for c in random.sample(answers, 200) if re.sub(r"\d+", "0", c) == re.sub(r"\d+", "0", a)]
                b = random.choice(alike or [b])
            add(kind, None, a, b)
    for a in answers:
        if is_expression(a) and not is_int(a):
            for kind, b in sympy_forms(a):
                add(kind, None, a, b)
    return pairs


def judge_theirs(pair):
    from math_verify import LatexExtractionConfig, parse, verify

    config = [LatexExtractionConfig()]
    gold = parse("\\boxed{" + pair["reference"] + "}", extraction_config=config)
    answer = parse("\\boxed{" + pair["answer"] + "}", extraction_config=config)
    return bool(verify(gold, answer))


def read(path):
    return [json.loads(line) for line in open(path)]


def judge_ours(pairs):
    lines = "".join(json.dumps({"reference": p["reference"], "completion": "\\boxed{" + p["answer"] + "}"}) + "\n" for p in pairs)
    out = subprocess.run("records make -q | grade-math | records show -q", shell=True, input=lines, text=True, stdout=subprocess.PIPE, check=True)
    return [json.loads(line)["verdict"] for line in out.stdout.splitlines()]


def compare(pairs, ours, theirs):
    table = defaultdict(Counter)
    unlike = []
    for p, mine, other in zip(pairs, ours, theirs, strict=True):
        own = mine.startswith("equal")
        cell = table[p["kind"]]
        cell["pairs"] += 1
        cell["ours equal"] += own
        cell["theirs equal"] += other
        cell["unlike"] += own != other
        cell["ours against the edit"] += p["same"] is not None and own != p["same"]
        if own != other:
            unlike.append((p["kind"], mine, other, p["reference"], p["answer"]))
    names = ["pairs", "ours equal", "theirs equal", "unlike", "ours against the edit"]
    print("| kind | " + " | ".join(names) + " |\n|" + " --- |" * (len(names) + 1))
    for kind, cell in sorted(table.items()):
        print(f"| {kind} | " + " | ".join(str(cell[n]) for n in names) + " |")
    print("| all | " + " | ".join(str(sum(c[n] for c in table.values())) for n in names) + " |")
    print()
    for line in sorted(unlike):
        print(*[repr(x) if i > 2 else x for i, x in enumerate(line)], sep="\t")


def sample(pairs, ours):
    """Four pairs of every kind, and of the kinds without a promise more, as the tool test reads them."""
    kinds = defaultdict(list)
    for p, verdict in zip(pairs, ours, strict=True):
        kinds[p["kind"]].append({"verdict": verdict, "reference": p["reference"], "completion": "\\boxed{" + p["answer"] + "}"})
    random.seed(6)
    for kind in sorted(kinds):
        few = 4 if kind.startswith(("keep_", "edit_")) else 20
        for line in random.sample(kinds[kind], min(few, len(kinds[kind]))):
            print(json.dumps(line))


def main():
    verb = sys.argv[1]
    if verb == "pairs":
        with open(sys.argv[3], "w") as out:
            out.writelines(json.dumps(p) + "\n" for p in make_pairs(sys.argv[2]))
    elif verb == "theirs":
        with multiprocessing.Pool(2) as pool, open(sys.argv[3], "w") as out:
            for verdict in pool.imap(judge_theirs, read(sys.argv[2]), chunksize=50):
                out.write(json.dumps(verdict) + "\n")
                out.flush()
    elif verb == "ours":
        with open(sys.argv[3], "w") as out:
            out.writelines(json.dumps(v) + "\n" for v in judge_ours(read(sys.argv[2])))
    elif verb == "sample":
        sample(*[read(path) for path in sys.argv[2:4]])
    else:
        compare(*[read(path) for path in sys.argv[2:5]])


main()
