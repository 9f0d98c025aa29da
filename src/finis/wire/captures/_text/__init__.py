"""What the text formats share.

Text captures reach us through terminals, mail and web pages: blanks become U+00A0, lines are
wrapped, pagers leave their marks, encodings are mixed.  `lines` and `frames` take that off;
`oldform`, `options`, `clock`, `relative` and `hexdump` each read one thing that is printed.
"""
