"""The rules of intake: numbers, texts that may be kept, what a report must hold, how far an answer has come.

Theory of operation. A report is what somebody gave, cleaned and checked; registering turns it into a
complaint with an id, a number and a secret token. From then on dispatch decides what happens: intake only
folds its events into `Progress`, forward through the states, and shows that to the complainant. All pure:
time and known categories arrive as arguments.
"""
