"""The examination of a folder: what is not as it should be, and what to do about it."""

from projections.doctor.examination import Examination
from projections.doctor.finding import Finding, Severity

__all__ = ["Examination", "Finding", "Severity"]
