"""A restoration as one HTML page that needs nothing else, and as figures.

The page is a Jinja2 template with everything inside: pictures as data, plots as SVG,
its script and its style. It asks the network for nothing, and says so to the browser.
"""

from keras_dip.report.page import SUFFIXES, card_of, page_of

__all__ = ["SUFFIXES", "card_of", "page_of"]
