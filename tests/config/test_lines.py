"""Every key of a TOML text is found on its line, whatever stands around it."""

from __future__ import annotations

import time

from config.lines import Lines

TEXT = '''\
# a = 1
top = 1
[a.b]
"x y" = [ 1,
  2, # ] "
  [3,
   4],
]
c.d = """
e = 1 ""\\"
""""
f = 'a # b'  # g = 1
h = { i = 1, j = [1, 2] }
[[r]]
s = [
]
[[r.t]]
u = 1
[[r]]
[[r.t]]
[[r.t]]
u = 2
[r.t.v]
w = 3
'''


def test_lines_of_paths() -> None:
    lines = Lines(TEXT)
    expected = {
        "top": 2, "a.b": 3, "a.b.x y": 4, "a.b.x y[0]": 4, "a.b.x y[1]": 5, "a.b.x y[2]": 6, "a.b.c.d": 9,
        "a.b.f": 12, "a.b.h": 13, "r[0]": 14, "r[0].s": 15, "r[0].t[0].u": 18, "r[1]": 19, "r[1].t[0]": 20,
        "r[1].t[1].u": 22, "r[1].t[1].v": 23, "r[1].t[1].v.w": 24,
    }  # fmt: skip
    assert {path: lines.of(path) for path in expected} == expected
    assert "a.b.e" not in lines
    assert "a.b.g" not in lines
    assert "a.b.c" in lines


def test_what_has_no_line_has_that_of_what_is_around_it() -> None:
    lines = Lines(TEXT)
    assert lines.of("a.b.h.j[1]") == 13
    assert lines.of("r[1].t[7].x") == 19
    assert lines.of("nowhere.at.all") == 1


def test_unfinished_texts_end_and_long_ones_take_linear_time() -> None:
    for text in ('a = "', "a = [", "[[", "a", "'", '"""', "= = =", "a = {\n{\n{", '\\"', "[a.b", "x.'y"):
        Lines(text)
    began = time.perf_counter()
    Lines('[[r]]\na = [1, 2, 3]\nb = "text"\n' * 5000)
    assert time.perf_counter() - began < 5.0
