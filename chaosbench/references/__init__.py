"""References: what a perfect or a known-to-be-poor answer would score; they see the truth, which no forecaster does."""
