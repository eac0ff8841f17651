"""From an address in a detector's YAML to the URL that apprise sends to; secrets live here only briefly."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from pipelines.spec import SpecError, expand

SMTP_VARIABLE = "UPCYCLE_SMTP_URL"
_SMTP_FORM = "mailtos://USER:PASSWORD@smtp.example.org:587?from=upcycle@example.org"
_SECRET_LENGTH = 5  # shorter parts, such as "api" or a port, are no secret and would blot out half a log


@dataclass(frozen=True)
class Address:
    """One receiver: what a log may call it, and the URL, which nothing may print."""

    label: str
    url: str = field(repr=False)

    def problem(self, where: str) -> SpecError | None:
        """What is wrong with an address that apprise can't read; it is not sent to."""
        import apprise  # here: it takes half a second

        logging.getLogger("apprise").propagate = False  # it would print the address
        if apprise.Apprise.instantiate(self.url) is not None:
            return None
        return SpecError(
            f"apprise can't read {self.label}: the scheme is unknown, or a part is missing",
            f"{where}: alerts.to",
            "compare it with the service's page at https://github.com/caronc/apprise/wiki",
        )

    def hide(self, text: str) -> str:
        """`text` without any part of the URL that could be secret."""
        for secret in sorted(secret_parts(self.url), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def resolve(
    to: Iterable[str], where: str, environ: Mapping[str, str] | None = None
) -> tuple[list[Address], list[SpecError]]:
    """The receivers `to` with their variables replaced, and what is wrong with the others.

    Args:
      to: `alerts.to` as the YAML has it.
      where: the file, for the errors.
    """
    found: list[Address] = []
    problems: list[SpecError] = []
    for number, written in enumerate(to, 1):
        place = f"{where}: alerts.to, address {number}"
        try:
            url = _url(written, place, os.environ if environ is None else environ)
        except SpecError as problem:
            problems.append(problem)
        else:
            found.append(Address(f"address {number} ({url.partition('://')[0]}://...)", url))
    return found, problems


def secret_parts(url: str) -> set[str]:
    """What in a URL could be a secret: all of it, user, password, parts of the path, query values."""
    parts = urlsplit(url)
    inside = [parts.netloc.rpartition("@")[0], *parts.netloc.rpartition("@")[0].split(":")]
    inside += [*parts.path.split("/"), *re.findall(r"=([^&]+)", parts.query)]
    if "." not in parts.netloc and not parts.path.strip("/"):
        inside.append(parts.netloc)  # schemes whose token stands where others have a host
    secrets = {url, *inside, *map(unquote, inside)}
    return {part for part in secrets if len(part) >= _SECRET_LENGTH}


def _url(written: str, place: str, environ: Mapping[str, str]) -> str:
    expanded = expand(written, place, environ)
    if "://" in expanded:
        return expanded
    if "@" not in expanded:
        raise SpecError(
            "it is neither SCHEME://... nor NAME@HOST once its variables are replaced",
            place,
            "docs/alerts.md has examples of addresses",
        )
    server = environ.get(SMTP_VARIABLE, "")
    if not server.startswith(("mailto://", "mailtos://")):
        what = "is not set" if not server else "is not an SMTP server as apprise writes it"
        raise SpecError(
            f"an e-mail address needs a server to send through, and {SMTP_VARIABLE} {what}",
            place,
            f"export {SMTP_VARIABLE}='{_SMTP_FORM}'",
        )
    return f"{server}{'&' if '?' in server else '?'}to={quote(expanded)}"
