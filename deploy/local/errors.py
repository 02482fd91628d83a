"""The one kind of error that a person who starts an installation should see."""

__all__ = ["LaunchError"]


class LaunchError(Exception):
    """Something the person can mend: the problem, and in `advice` what to do (Chinese, one line each)."""

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem)
        self.advice = advice

    def line(self) -> str:
        """Problem and advice as one line for the terminal."""
        return f"{self}。{self.advice}" if self.advice else str(self)
