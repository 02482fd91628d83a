"""Assessment: the rule book, cases as scored, the ledger and the month's statements."""
