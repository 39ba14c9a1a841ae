"""The columns that the leaderboards rank and show.

`columns` declares them. `analyzer` keeps the newest bar and the open prices, and derives the changes.
`windows` keeps the bars of the last minutes, and derives what follows from them.
"""

from scanners.analyzers.leaderboard.analyzer import LeaderboardAnalyzer

__all__ = ["LeaderboardAnalyzer"]
