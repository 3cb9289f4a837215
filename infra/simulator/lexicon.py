"""A few subjects that demonstrations like to use: their own words and plain facts about them.

A key's words must all open words of the subject; `tea cool` meets "Why does tea cool?".
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Things that belong to the subject, as they read after a preposition, and sentences that are true of it."""

    details: tuple[str, ...]
    facts: tuple[str, ...] = ()


ENTRIES: dict[str, Entry] = {
    "tea cool": Entry(
        ("heat", "steam", "the cup", "evaporation", "the surrounding air"),
        (
            "Hot tea gives its heat to everything cooler around it: the cup, the table and above all the air.",
            "Evaporation does much of the cooling, because the fastest water molecules leave the surface of the tea as"
            " steam and take their energy with them.",
            "Tea cools quickest at first, since the rate follows the difference in temperature between the tea and the"
            " room.",
            "A lid slows the cooling by keeping the steam in, and a thick cup slows it by holding heat of its own.",
        ),
    ),
    "tea": Entry(
        ("the leaves", "water", "steeping", "the pot"),
        (
            "All true tea comes from one plant, Camellia sinensis; oxidation makes it green or black.",
            "Water near boiling suits black tea, while green tea is better with water of about 80 degrees.",
            "Longer steeping draws more tannin out of the leaves, which is where bitterness in tea comes from.",
        ),
    ),
    "coffee": Entry(
        ("the beans", "the roast", "grinding", "water", "aroma"),
        (
            "Coffee beans are the seeds of a fruit, and roasting is what gives them their colour and aroma.",
            "A finer grind lets water draw flavour from the coffee faster, so espresso is ground finer than filter.",
            "Freshly roasted coffee releases carbon dioxide for days, which is why bags have a valve.",
        ),
    ),
    "tide electric": Entry(
        ("turbines", "the tidal range", "the coast", "seawater"),
        (
            "Tides carry energy because the pull of the moon and the sun moves whole oceans twice a day.",
            "Turbines in a tidal stream turn as windmills do, but water is about eight hundred times denser than air.",
            "A tidal barrage holds water back at high tide and lets it fall through turbines as the sea goes down.",
            "Tides can be predicted years ahead, which makes the electricity from them unusually easy to plan for.",
        ),
    ),
    "tide": Entry(
        ("the moon", "the coast", "high water", "the sea"),
        (
            "Tides follow the pull of the moon and, to a lesser degree, of the sun.",
            "Spring tides come near new and full moon, when the two pull in line.",
        ),
    ),
    "sky blue": Entry(
        ("sunlight", "the air", "scattering", "wavelengths"),
        (
            "Sunlight holds every colour, and the molecules of the air scatter the short blue waves far more than red.",
            "That scattered blue reaches the eye from every part of the sky, so the whole sky looks blue.",
            "At sunset light crosses much more air, the blue is scattered away, and what is left is red.",
        ),
    ),
    "photosynthesis": Entry(
        ("sunlight", "leaves", "carbon dioxide", "chlorophyll", "sugar"),
        (
            "In photosynthesis a plant uses light to turn water and carbon dioxide into sugar and oxygen.",
            "Chlorophyll in the leaves takes up red and blue light and sends green back, hence the green of plants.",
            "Nearly all food on Earth goes back to photosynthesis in plants, algae and some bacteria.",
        ),
    ),
    "bee": Entry(
        ("the hive", "nectar", "pollen", "flowers", "honey"),
        (
            "Bees visit flowers for nectar and pollen, and carry pollen from one bloom to the next as they go.",
            "A worker bee shares the way to good flowers with a dance whose angle stands for direction.",
            "Honey is nectar that bees have thickened by fanning it with their wings.",
        ),
    ),
    "sleep": Entry(
        ("the brain", "rest", "the body clock", "dreams"),
        (
            "Sleep comes in cycles of about ninety minutes, each with deep and dreaming phases.",
            "During sleep the brain sorts what was learned by day, so memory suffers when sleep is short.",
            "Light in the evening delays the body clock and with it the onset of sleep.",
        ),
    ),
    "bread": Entry(
        ("flour", "yeast", "dough", "the crust", "the oven"),
        (
            "Bread rises because yeast turns sugar in the dough into carbon dioxide, which gluten holds in bubbles.",
            "Slow rising gives bread more flavour, since acids and aromas need time to form.",
            "Steam early in the bake keeps the crust of bread soft long enough for the loaf to rise.",
        ),
    ),
    "lighthouse": Entry(
        ("the lamp", "the lens", "the coast", "keepers", "ships"),
        (
            "Lighthouses warn ships of rocks and mark the way into harbour.",
            "The Fresnel lens let lighthouses throw a beam for tens of kilometres from a modest lamp.",
            "Most lighthouses have worked without keepers since automation in the twentieth century.",
        ),
    ),
    "mill": Entry(("the wheel", "gates", "flour", "the millstones")),
    "remote work": Entry(("colleagues", "the home office", "meetings", "working hours")),
    "solar": Entry(("sunlight", "panels", "the roof", "electricity")),
    "wind": Entry(("blades", "the weather", "turbines", "electricity")),
    "moon": Entry(("the night sky", "gravity", "its phases", "craters")),
    "volcano": Entry(("magma", "ash", "lava", "the crust of the Earth")),
    "bridge": Entry(("the span", "cables", "load", "steel")),
    "garden": Entry(("soil", "seeds", "water", "the seasons")),
    "dog": Entry(("walks", "food", "play", "training")),
    "cat": Entry(("play", "food", "rest", "hunting")),
    "music": Entry(("rhythm", "melody", "listening", "practice")),
    "ocean": Entry(("currents", "salt", "the coast", "marine life")),
    "bicycle": Entry(("the chain", "balance", "tyres", "the road")),
    "cycling": Entry(("the road", "balance", "tyres", "distance")),
    "run": Entry(("pace", "breath", "shoes", "distance")),
    "climate": Entry(("temperature", "carbon dioxide", "rainfall", "the oceans")),
}


def entry(subject: str) -> Entry | None:
    """The entry for a subject, the most particular first, or None."""
    words = re.findall(r"[a-z]+", subject.lower())[:20]
    for key, found in ENTRIES.items():
        if all(any(_same(word, wanted) for word in words) for wanted in key.split()):
            return found
    return None


def _same(word: str, key: str) -> bool:
    return word == key or (
        word.startswith(key) and (len(key) > 4 or word[len(key) :] in {"s", "es", "ed", "ing"})
    )
