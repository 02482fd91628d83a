"""Everything that runs or operates Huiying."""
