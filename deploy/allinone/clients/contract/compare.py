"""compare.py golden.json got.json [--deviations deviations.json] [--only REGEX]: 2xx bodies may carry more keys than golden; all else must be equal."""
import argparse, json, re, sys


EQUAL = {"repeat_missed": (None, False), "comment": (None, ""), "source": (None, ""),  # the seeds' tables: not nullable
         "last_login": (None, "<stamp>")}  # who asks with a token may never have logged in


def diff(want, got, path, loose):
    k = path.rsplit(".", 1)[-1]
    if k in EQUAL and want in EQUAL[k] and got in EQUAL[k]:
        return None
    if isinstance(want, dict) and isinstance(got, dict):
        for k, v in want.items():
            if k not in got:
                return f"{path}.{k}: missing, want {json.dumps(v, ensure_ascii=False)[:90]}"
            d = diff(v, got[k], f"{path}.{k}", loose)
            if d:
                return d
        if not loose and (x := [k for k in got if k not in want]):
            return f"{path}: unexpected key {x[0]} = {json.dumps(got[x[0]], ensure_ascii=False)[:90]}"
        return None
    if isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            return f"{path}: {len(got)} items, want {len(want)}"
        for i, (a, b) in enumerate(zip(want, got)):
            d = diff(a, b, f"{path}[{i}]", loose)
            if d:
                return d
        return None
    if want == got and type(want) is type(got) or (isinstance(want, (int, float)) and isinstance(got, (int, float)) and not isinstance(want, bool) and not isinstance(got, bool) and want == got):
        return None
    return f"{path}: got {json.dumps(got, ensure_ascii=False)[:90]}, want {json.dumps(want, ensure_ascii=False)[:90]}"


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("golden"); ap.add_argument("got"); ap.add_argument("--deviations"); ap.add_argument("--only", default="")
    a = ap.parse_args()
    want, got = json.load(open(a.golden)), json.load(open(a.got))
    dev = json.load(open(a.deviations)) if a.deviations else []
    ok = bad = skipped = 0
    for case, w in want.items():
        if a.only and not re.search(a.only, case):
            continue
        rule = next((d for d in dev if re.fullmatch(d["case"], case)), None)
        if rule and "same_as" in rule:
            w = want.get(re.sub(rule["case"], rule["same_as"], case))
            if w is None:  # the case it should equal was not recorded
                skipped += 1
                continue
        elif rule and "want" in rule:
            w = {**w, **rule["want"]}
            free = [k for k, v in w.items() if v == "any"]
            w = {k: v for k, v in w.items() if k not in free}
        elif rule:
            skipped += 1
            continue
        g = got.get(case)
        if g and rule and "want" in rule:
            g = {k: v for k, v in g.items() if k not in free}
        d = "not asked" if g is None else diff(w, g, "", w.get("status", 0) < 300)
        if d:
            bad += 1
            print(f"{case}: {d}")
        else:
            ok += 1
    print(f"{ok} passed, {bad} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
