"""The one value that policy gives to media: who is heard, who hears, how loud, and whose pictures are wanted.

A leg that is not in a plan is alone: it hears nothing but prompts played to itself, nobody hears it, and its pictures
are dropped unread. Waiting, knocking and held legs are therefore simply absent.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seat:
    """One participant's place in the sound of a conference, and what is wanted of its pictures.

    `heard`: this leg's sound may enter the mix (False when muted by a host or by itself).
    `hears`: this leg gets the mix.
    `gain`: linear factor on what comes from this leg (1.0 = unchanged).
    `seen`: height of the largest tile that shows this leg's camera [pixels], 0 = it stands on no canvas.
    `slides`: the same of its slides.
    """

    leg: str
    heard: bool = True
    hears: bool = True
    gain: float = 1.0
    seen: int = 0
    slides: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is in the sound of one conference. A new plan replaces the old one whole.

    `loudest`: at most this many talkers are mixed (K).
    """

    conference: str
    seats: tuple[Seat, ...] = ()
    loudest: int = 8
