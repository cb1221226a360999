"""What the results of variants say: rates, intervals and tests of proportions, and the report in words. Pure."""

from __future__ import annotations

from inbox.experiments.report import METRICS, Comparison, Counts, Metric, Report, report

__all__ = ["METRICS", "Comparison", "Counts", "Metric", "Report", "report"]
