"""A page about the movies in the warehouse and the health of the pipeline.

Data flows from `warehouse` (reads the reports that dbt has built) through `charts` (specifications
of the charts) and `page` (HTML) to `cli`. `assets` are the style sheets and scripts.
"""
