"""JSON routes of dispatch: parse, authorise, call a use case, answer."""
