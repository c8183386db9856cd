#!/usr/bin/env python3
"""Makes the fonts of this folder from DejaVu Sans 2.37: the characters that pictures may need, without hinting and tables
that nothing here reads. Needs fonttools; takes the folder with the original fonts.

    data/fonts/make.py /usr/share/fonts/truetype/dejavu
"""

import sys
from pathlib import Path

from fontTools import subset

RANGES = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x45F), (0x2010, 0x2027), (0x2030, 0x2033), (0x2070, 0x2094),
    (0x2190, 0x2199), (0x2200, 0x226F),
]
SINGLE = [0x1E9E, 0x2039, 0x203A, 0x20AC, 0x2102, 0x210D, 0x2113, 0x2115, 0x211A, 0x211D, 0x2124, 0x22C5, 0x25A0, 0x25B2,
          0x25C6, 0x25CF, 0xFFFD]

for name in ["DejaVuSans", "DejaVuSans-Bold"]:
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.glyph_names = False
    options.notdef_outline = True
    options.recalc_timestamp = False
    options.drop_tables += ["FFTM", "kern", "GPOS", "GSUB", "GDEF"]
    font = subset.load_font(str(Path(sys.argv[1]) / f"{name}.ttf"), options)
    cut = subset.Subsetter(options)
    cut.populate(unicodes=SINGLE + [c for low, high in RANGES for c in range(low, high + 1)])
    cut.subset(font)
    subset.save_font(font, str(Path(__file__).parent / f"{name}.ttf"), options)
