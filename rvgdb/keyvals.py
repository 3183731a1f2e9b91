"""The small grammar inside QEMU's options: `value,key=value,flag` lists, sizes, numbers and on/off words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from rvgdb.errors import OptionError

_SIZE = re.compile(r"(\d+(?:\.\d+)?|0[xX][0-9a-fA-F]+)([bBkKmMgGtT]?)")
_SCALE = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_SWITCH = {"on": True, "yes": True, "true": True, "y": True, "off": False, "no": False, "false": False, "n": False}


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence: ` (did you mean 'x'?)`, or nothing when no known word is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean '{close[0]}'?)" if close else ""


def split_commas(text: str) -> list[str]:
    """Split at single commas; a doubled comma stands for a comma inside a value, as in QEMU."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def key_values(option: str, text: str, implied: str | None = None, lists: Collection[str] = ()) -> dict[str, str]:
    """Parse `a=1,b=2`; a first item without `=` is the value of `implied`; any other bare word means `on`.

    Args:
        option: The option as written, for errors.
        text: Its argument.
        implied: The key that a first bare item belongs to.
        lists: Keys whose values are lists: bare items behind them belong to them, and they may be repeated.

    Raises:
        OptionError: When an item is empty.
    """
    found: dict[str, str] = {}
    open_list: str | None = None
    for index, item in enumerate(split_commas(text)):
        key, equals, value = item.partition("=")
        if not item or not key:
            raise OptionError(f"{option} {text}: there is an empty item in the list; write {option} key=value,…")
        if equals and key in lists:
            open_list = key
            found[key] = f"{found[key]},{value}" if key in found else value
        elif equals:
            open_list = None
            found[key] = value
        elif open_list is not None:
            found[open_list] += f",{item}"
        elif index == 0 and implied is not None:
            found[implied] = item
        else:
            found[key] = "on"
    return found


def only_keys(option: str, found: dict[str, str], known: Iterable[str], foreign: Iterable[str] = ()) -> None:
    """Refuse keys that are not `known`; `foreign` are QEMU's that rvgdb lacks, which the error says.

    Raises:
        OptionError: Naming the key and the nearest known one.
    """
    allowed = tuple(known)
    for key in found:
        if key in allowed:
            continue
        why = "QEMU's, but not supported by rvgdb" if key in foreign else "unknown"
        choice = nearest(key, allowed) or f"; supported: {', '.join(allowed)}" if allowed else "; none is supported"
        raise OptionError(f"{option}: property '{key}' is {why}{choice}")


def switch(option: str, key: str, value: str) -> bool:
    """An on/off word.

    Raises:
        OptionError: When it is neither.
    """
    if value not in _SWITCH:
        raise OptionError(f"{option}: '{key}' takes on or off, not '{value}'")
    return _SWITCH[value]


def number(option: str, text: str, least: int, most: int) -> int:
    """A decimal or 0x number within bounds, both included.

    Raises:
        OptionError: When it is not a number or out of bounds.
    """
    try:
        value = int(text, 16) if text[:2] in ("0x", "0X") else int(text) if text.isascii() and text.isdigit() else -1
    except ValueError:
        value = -1
    if not least <= value <= most:
        bounds = f"from {least} to {most:#x}" if most > 0xFFFF_FFFF else f"from {least} to {most}"
        raise OptionError(f"{option}: a number {bounds} is needed, not '{text}'")
    return value


def size(option: str, text: str, default_scale: str) -> int:
    """A size in bytes from `128M`, `1.5G`, `4096k`, `0x8000000B`; a bare number is scaled by `default_scale`.

    Raises:
        OptionError: When it is not a size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise OptionError(f"{option} {text}: a size is needed, such as 128M or 1G (suffix k, M, G or T)")
    digits, suffix = match.groups()
    scale = _SCALE[(suffix or default_scale).lower()]
    if digits[:2] in ("0x", "0X"):
        return int(digits, 16) << scale
    whole, _, fraction = digits.partition(".")
    return (int(whole) << scale) + ((int(fraction) << scale) // 10 ** len(fraction) if fraction else 0)
