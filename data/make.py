"""Makes the data sets of this folder: python3 make.py WHEEL, where WHEEL is any wheel of scikit-learn
(pip download --no-deps scikit-learn). Needs nothing but Python."""

import array
import gzip
import math
import pathlib
import random
import sys
import zipfile

HERE = pathlib.Path(__file__).parent


def write_npy(name, rows):
    """Rows of float32 as an npy file of version 1."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    values = array.array("f", (v for row in rows for v in row))
    if sys.byteorder == "big":
        values.byteswap()
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    (HERE / name).write_bytes(start + header.encode() + values.tobytes())


def write_csv(name, rows):
    (HERE / name).write_text("".join(",".join(repr(v) for v in row) + "\n" for row in rows))


def on_circle(degrees):
    return [(math.cos(math.radians(d)), math.sin(math.radians(d))) for d in degrees]


with zipfile.ZipFile(sys.argv[1]) as wheel:
    text = gzip.decompress(wheel.read("sklearn/datasets/data/digits.csv.gz")).decode()
table = [[int(float(v)) for v in line.split(",")] for line in text.split()]
assert len(table) == 1797 and all(len(row) == 65 and 0 <= min(row) <= max(row) <= 16 for row in table)
digits = [[v / 16 for v in row[:64]] for row in table]
write_npy("digits.npy", digits)
write_csv("digits-labels.csv", [row[64:] for row in table])
order = list(range(len(digits)))
random.Random(0).shuffle(order)
write_npy("digits-300.npy", [digits[i] for i in order[:300]])

NINE = (129.151, 138.861, 151.884, 161.734, 213.828, 220.654, 324.387, 325.515, 356.423)
write_csv("circle-9.csv", on_circle(NINE))
write_csv("circle-100.csv", on_circle(3.6 * i for i in range(100)))
write_csv("eight-points.csv", [
    (0.00123, 0.298746), (-0.274138, -0.890592), (-0.454671, -0.991647), (0.060144, 1.340215),
    (-0.492207, -0.620475), (0.489842, 0.356887), (0.105414, -0.930468), (-0.029252, 0.695303),
])
HEIGHT = math.sqrt(3) / 2
write_csv("three-memories.csv", [(0.95, 0.0), (-0.7, HEIGHT), (0.7, HEIGHT)])
write_csv("triangle.csv", [(0.0, 1.0), (-HEIGHT, -0.5), (HEIGHT, -0.5)])
write_csv("square.csv", [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)])
