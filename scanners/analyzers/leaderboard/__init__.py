"""The columns that the leaderboards rank and show.

`analyzer` keeps the newest bar and derives the changes. `opens` keeps the open prices that changes are
measured from, `windows` the bars of the last minutes.
"""

from scanners.analyzers.leaderboard.analyzer import LeaderboardAnalyzer

__all__ = ["LeaderboardAnalyzer"]
