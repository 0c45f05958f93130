"""The text of a token file: a YAML or JSON list of identities, read and written.

::

    identities:
      - name: checkout
        roles: [infer]
        models: [fraud, team-a-*]
        quota: {requests_per_s: 200, burst: 400, concurrent: 64}
        tokens:
          - {sha256: 9f86d0...., expires: 2027-01-31, note: on the till}
        subjects: ["CN=checkout,O=Example"]

PyYAML is imported when a file is read or written.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Hashable, Sequence
from typing import Any

from runtime.access.identities import DIGEST_BYTES, Identity, Quota, Token
from runtime.access.roles import NOBODY, Role, parse_role
from runtime.access.tokens import moment_text, parse_moment
from runtime.errors import ConfigError

NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
HEX_DIGEST = re.compile(f"[0-9a-fA-F]{{{2 * DIGEST_BYTES}}}")
MOST_IDENTITIES = 10_000
IDENTITY_KEYS = ("name", "roles", "models", "quota", "tokens", "subjects")
TOKEN_KEYS = ("sha256", "expires", "note")
QUOTA_KEYS = ("requests_per_s", "burst", "concurrent")


def parse(text: str) -> tuple[Identity, ...]:
    """Return the identities of a text; raises ConfigError that says where it is wrong."""
    content = _content_of(text)
    listed = _keys("the file", content or {}, ("identities",)).get("identities") or []
    identities = tuple(
        _identity(f"identity {at}", one)
        for at, one in enumerate(_list("identities", listed), 1)
    )
    if len(identities) > MOST_IDENTITIES:
        raise ConfigError(f"there are more than {MOST_IDENTITIES} identities")
    _refuse_twice("the name", [i.name for i in identities])
    _refuse_twice("a token", [t.digest.hex() for i in identities for t in i.tokens])
    _refuse_twice("the subject", [s for i in identities for s in i.subjects])
    return identities


def render(identities: Sequence[Identity]) -> str:
    """Return the text that `parse` reads as these identities."""
    import yaml

    listed = [_values(identity) for identity in identities]
    return str(yaml.safe_dump({"identities": listed}, sort_keys=False, width=88))


def _content_of(text: str) -> object:
    """Return YAML as plain data; keys that are written twice are refused."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(
            self, node: yaml.MappingNode, deep: bool = False
        ) -> dict[Hashable, object]:
            _refuse_twice("the key", [str(key.value) for key, _ in node.value])
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{where}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        # The text may hold a secret that somebody put there by mistake: say no more.
        raise ConfigError(f"it is no YAML ({type(error).__name__})") from None


def _refuse_twice(what: str, values: list[str]) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise ConfigError(f"{what} {value!r} is there twice")
        seen.add(value)


def _keys(where: str, content: object, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: it must be keys with values: {', '.join(known)}")
    for key in content:
        if key not in known:
            raise ConfigError(
                f"{where}: {key!r} is not known; there are {', '.join(known)}"
            )
    return content


def _list(where: str, content: object) -> list[Any]:
    if not isinstance(content, list):
        raise ConfigError(f"{where}: it must be a list")
    return content


def _texts(where: str, content: object) -> tuple[str, ...]:
    texts = _list(where, content)
    for text in texts:
        if not isinstance(text, str) or not text or not text.isprintable():
            raise ConfigError(f"{where}: {text!r} is no text of printable characters")
    return tuple(texts)


def _identity(where: str, content: object) -> Identity:
    keys = _keys(where, content, IDENTITY_KEYS)
    name = keys.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(
            f"{where}: the name {name!r} must be 1 to 63 letters, digits and ._@-, "
            "with a letter or digit first"
        )
    where = f"identity {name!r}"
    roles = NOBODY
    for role in _texts(f"{where}, roles", keys.get("roles")):
        roles |= parse_role(role)
    if not roles:
        raise ConfigError(f"{where}: it has no role")
    models = _texts(f"{where}, models", keys.get("models") or [])
    for model in models:
        if "*" in model[:-1]:
            raise ConfigError(f"{where}: {model!r}: a star may only end a model's name")
    return Identity(
        name,
        roles,
        models,
        _quota(f"{where}, quota", keys.get("quota") or {}),
        tuple(
            _token(f"{where}, token {at}", one)
            for at, one in enumerate(_list(where, keys.get("tokens") or []), 1)
        ),
        _texts(f"{where}, subjects", keys.get("subjects") or []),
    )


def _quota(where: str, content: object) -> Quota:
    keys = _keys(where, content, QUOTA_KEYS)
    for key, value in keys.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{where}: {key} is {value!r}; it must be a number")
        if not 0 <= value <= 1e9:
            raise ConfigError(f"{where}: {key} is {value}; it must be 0 to 1e9")
    rate = float(keys.get("requests_per_s", 0))
    concurrent = keys.get("concurrent", 0)
    if concurrent != int(concurrent):
        raise ConfigError(f"{where}: concurrent is {concurrent}; it must be whole")
    if "burst" in keys and not rate:
        raise ConfigError(f"{where}: burst goes with requests_per_s")
    burst = float(keys.get("burst", max(rate, 1.0) if rate else 0.0))
    if rate and burst < 1:
        raise ConfigError(
            f"{where}: burst is {burst:g}; below 1 nothing would come through"
        )
    return Quota(rate, burst, int(concurrent))


def _token(where: str, content: object) -> Token:
    keys = _keys(where, content, TOKEN_KEYS)
    digest = keys.get("sha256")
    if not isinstance(digest, str) or not HEX_DIGEST.fullmatch(digest):
        # It may be the token itself: never say what it was.
        raise ConfigError(
            f"{where}: sha256 must be {2 * DIGEST_BYTES} hexadecimal digits in quotes, as "
            "`leeboard tokens new` writes them; never the token itself"
        )
    expires = keys.get("expires")
    note = keys.get("note", "")
    if not isinstance(note, str) or not note.isprintable():
        raise ConfigError(f"{where}: note must be one line of text")
    return Token(bytes.fromhex(digest), _expiry(where, expires), note)


def _expiry(where: str, value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, datetime.date):  # YAML knows dates itself; a datetime is one.
        value = value.isoformat()
    if not isinstance(value, str):
        raise ConfigError(f"{where}: expires is {value!r}, which is no ISO date")
    try:
        return parse_moment(value) or 1  # Zero would be never.
    except ConfigError as error:
        raise ConfigError(f"{where}: expires: {error}") from None


def _values(identity: Identity) -> dict[str, Any]:
    """Return an identity as plain data, without what is as it would be anyway."""
    quota, tokens = identity.quota, []
    for token in identity.tokens:
        values: dict[str, Any] = {"sha256": token.digest.hex()}
        if token.expires_at:
            values["expires"] = moment_text(token.expires_at)
        tokens.append(values | ({"note": token.note} if token.note else {}))
    named: dict[str, Any] = {
        "models": list(identity.models),
        "quota": {k: getattr(quota, k) for k in QUOTA_KEYS if getattr(quota, k)},
        "tokens": tokens,
        "subjects": list(identity.subjects),
    }
    roles = [str(role.name).lower() for role in Role if role in identity.roles]
    return {"name": identity.name, "roles": roles} | {k: v for k, v in named.items() if v}
