"""The one value that policy gives to media: who is heard, who hears, and how loud.

A leg that is not in a plan is alone: it hears nothing but prompts played to itself, and nobody hears it.
Waiting, knocking and held legs are therefore simply absent.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seat:
    """One participant's place in the sound of a conference.

    `heard`: this leg's sound may enter the mix (False when muted by a host or by itself).
    `hears`: this leg gets the mix.
    `gain`: linear factor on what comes from this leg (1.0 = unchanged).
    """

    leg: str
    heard: bool = True
    hears: bool = True
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is in the sound of one conference. A new plan replaces the old one whole.

    `loudest`: at most this many talkers are mixed (K).
    """

    conference: str
    seats: tuple[Seat, ...] = ()
    loudest: int = 8
