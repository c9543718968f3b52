"""A page about the movies in the warehouse and the health of the pipeline.

Data flows from `warehouse` (reads the reports that dbt has built) through `charts` (specifications
of the charts) and `page` (HTML) to `cli`. `assets` are the style sheet and the scripts.
"""


class DashboardError(Exception):
    """The page cannot be built; the message names the cause and the remedy."""
