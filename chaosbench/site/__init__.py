"""The leaderboard as static pages, made from records and the installed package alone; the same records give the same bytes."""

from chaosbench.site.build import build_page
from chaosbench.site.views import headline_of, page_data

__all__ = ["build_page", "headline_of", "page_data"]
