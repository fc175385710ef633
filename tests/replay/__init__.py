"""The page of a replay, in one browser for all of these tests."""
