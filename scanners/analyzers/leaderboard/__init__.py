"""What the leaderboards rank and show.

`analyzer` keeps the newest bar and derives the changes, `opens` keeps what they are measured from, `windows`
what was a few minutes ago.
"""

from scanners.analyzers.leaderboard.analyzer import LeaderboardAnalyzer

__all__ = ["LeaderboardAnalyzer"]
