"""The schemes of alert addresses, as the installed apprise knows them.

`python -m dags.alert_schemes > pipelines/alert_schemes.txt` writes the list that detectors' files are checked
against where apprise is not installed, or too slow to import.
"""

from __future__ import annotations


def known_schemes() -> list[str]:
    """All schemes, sorted; also of services that need a package or a system which isn't here."""
    from apprise.manager_plugins import NotificationManager  # here: it takes two seconds

    return sorted(NotificationManager().schemas(include_disabled=True))


if __name__ == "__main__":
    print(*known_schemes(), sep="\n")
