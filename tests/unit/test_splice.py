"""How a continuation is joined to a text that broke off: cases written by hand, with what a reader must end up with."""

import io
import json

import pytest

from infra.cli import splice
from shared.core.prompt import ask
from shared.core.schema import Schema
from shared.models.splice import Seam, Unfinished, continuation, joined, prefixed

FEAR = "every failure they "
CASES: list[tuple[str, str, str]] = [
    # exact continuation
    (FEAR, "fear.", "every failure they fear."),
    ("every failure they", " fear.", "every failure they fear."),
    ("every failure they fea", "r.", "every failure they fear."),
    ("It is 3.", "14 in all.", "It is 3.14 in all."),
    ("He had 10", "0 apples.", "He had 100 apples."),
    ("see http://x.org/", "a/b?c=1 and go", "see http://x.org/a/b?c=1 and go"),
    # a space too many
    (FEAR, " fear.", "every failure they fear."),
    ("every failure they fea", " r. More.", "every failure they fear. More."),
    ("The first line\n", " The second", "The first line\nThe second"),
    ("- one\n", "  - nested", "- one\n  - nested"),
    ("He knew the gnu", " ate grass.", "He knew the gnu ate grass."),
    # echoes of all of it
    (FEAR, "every failure they fear.", "every failure they fear."),
    ("every failure they fea", "every failure they fear.", "every failure they fear."),
    # the end again
    (
        "so honest engineers should rehearse every failure they ",
        "rehearse every failure they fear.",
        "so honest engineers should rehearse every failure they fear.",
    ),
    (
        "so honest engineers should rehearse every failure they fea",
        "every failure they fear.",
        "so honest engineers should rehearse every failure they fear.",
    ),
    ("The tea cools here. ", "The tea cools here. Then it rests.", "The tea cools here. Then it rests."),
    ("It rained — then, it ", "it rained - then, it stopped.", "It rained — then, it stopped."),
    ("A long and winding road to ", "a long, and winding road to town.", "A long and winding road to town."),
    # preambles
    (FEAR, "Continuing from where I stopped: fear.", "every failure they fear."),
    (FEAR, "Continuing from where I stopped:\n\nfear.", "every failure they fear."),
    (FEAR, "Sure, here is the rest:\n\nfear.", "every failure they fear."),
    (FEAR, "Here's the continuation:\n\nevery failure they fear.", "every failure they fear."),
    ("every failure they", "Continuing where I left off: fear.", "every failure they fear."),
    ("Der Tee wird ", "Hier ist die Fortsetzung:\n\nkalt.", "Der Tee wird kalt."),
    ("Le thé devient ", "Voici la suite :\n\nfroid.", "Le thé devient froid."),
    (FEAR, "...fear.", "every failure they fear."),
    # a preamble that is none
    ("What helps? ", "Continuing education is the answer.", "What helps? Continuing education is the answer."),
    ("He asked her. ", "Sure, she said, and left.", "He asked her. Sure, she said, and left."),
    # legitimate repetition
    ("Ha ha ", "ha ha ha!", "Ha ha ha ha ha!"),
    ("It was very ", "very cold.", "It was very very cold."),
    ("I know that ", "that is so.", "I know that that is so."),
    ("Row, row your boat,\n" * 2, "Row, row your boat,\nGently", "Row, row your boat,\n" * 3 + "Gently"),
    ("- The cat sat.\n- The dog sat.\n", "- The bird sat.\n", "- The cat sat.\n- The dog sat.\n- The bird sat.\n"),
    ("| a | b |\n|---|---|\n| 1 | 2 |\n", "| 1 | 3 |\n", "| a | b |\n|---|---|\n| 1 | 2 |\n| 1 | 3 |\n"),
    ("No, no, ", "no, no.", "No, no, no, no."),
    # lists, tables, fences
    ("1. one\n2. two\n3", ". three", "1. one\n2. two\n3. three"),
    ("1. one\n2. two\n", "2. two\n3. three", "1. one\n2. two\n3. three"),
    ("| a | n |\n|---|---|\n| heat loss | 2", "| heat loss | 20 % |\n", "| a | n |\n|---|---|\n| heat loss | 20 % |\n"),
    ("```python\ndef f():\n    return ", "```python\n    return 1\n```\n", "```python\ndef f():\n    return 1\n```\n"),
    ("```python\ndef f():\n", "    return 1\n```\n", "```python\ndef f():\n    return 1\n```\n"),
    ("```python\nx = 1\n", "```\n\nDone.", "```python\nx = 1\n```\n\nDone."),
    ("Use this:\n\n", "```python\nx = 1\n```\n", "Use this:\n\n```python\nx = 1\n```\n"),
    ("The **bold", "** word", "The **bold** word"),
    ("See [the docs](http", "s://x.org) now", "See [the docs](https://x.org) now"),
    # other scripts
    ("茶会变", "凉。", "茶会变凉。"),
    ("茶会慢慢变凉，因为热量", "因为热量散失。", "茶会慢慢变凉，因为热量散失。"),
    ("お茶は冷め", "ます。", "お茶は冷めます。"),
    ("الشاي يبرد لأن ", "الحرارة تضيع.", "الشاي يبرد لأن الحرارة تضيع."),
    ("الشاي يبرد لأن الحرارة ", "يبرد لأن الحرارة تضيع.", "الشاي يبرد لأن الحرارة تضيع."),
    ("चाय ठंडी होती ", "है।", "चाय ठंडी होती है।"),
    ("차가 식는 이유는 ", "열이 빠져나가기 때문이다.", "차가 식는 이유는 열이 빠져나가기 때문이다."),
    ("ชาเย็น", "ลงเพราะความร้อน", "ชาเย็นลงเพราะความร้อน"),
    ("Чай остывает, потому ", "что тепло уходит.", "Чай остывает, потому что тепло уходит."),
    ("A family \U0001f468‍\U0001f469", "‍\U0001f467 here", "A family \U0001f468‍\U0001f469‍\U0001f467 here"),
    # nothing there, nothing more
    ("", "Hello", "Hello"),
    ("Done.", "", "Done."),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "rest", "whole"), CASES)
def test_a_reader_ends_up_with_the_whole_text_once(sent: str, rest: str, whole: str) -> None:
    """Nothing missing, nothing twice, no word broken, and what the author repeats stays."""
    assert joined(sent, rest).text == whole


@pytest.mark.parametrize(("sent", "rest", "whole"), CASES)
def test_the_join_does_not_depend_on_how_the_text_comes(sent: str, rest: str, whole: str) -> None:
    """Letter by letter gives what all at once gives."""
    seam = Seam(sent)
    out = "".join(seam.feed(char) for char in rest) + seam.decide()
    assert sent + out == whole


def test_how_it_was_joined_is_told() -> None:
    """In the words of `shared.core.leg.Join`."""
    sent = "The tea cools in the cup, slowly at first and "
    assert joined(sent, "then faster.").how == "continued"
    assert joined(sent, "slowly at first and then faster.").how == "exact"
    assert joined(sent, "Slowly, at first, and then faster.").how == "folded"
    assert joined(sent, sent + "then faster.").how == "restarted"


def test_another_answer_is_no_continuation() -> None:
    """Where the model began a text of its own, the reader is told that it is begun anew."""
    found = joined("# Tea\n\nTea cools because of the air. ", "# Cooling\n\nAll warm things cool.")
    assert (found.text, found.how) == ("# Cooling\n\nAll warm things cool.", "restart")


def test_json_goes_on_inside_its_strings() -> None:
    """A JSON text is joined to the letter, an echo of it skipped, and another one not taken for its rest."""
    whole = '{"title": "Tea cools", "points": ["heat flows", "air moves"], "n": 12}'
    for cut in range(1, len(whole)):
        for rest in (whole[cut:], whole):
            seam = Seam(whole[:cut], json=True)
            out = seam.feed(rest) + seam.decide()
            if cut > 20 or rest != whole:
                assert whole[:cut] + out == whole, (cut, rest)
                json.loads(whole[:cut] + out)
    seam = Seam('{"title": "Tea', json=True)
    seam.feed('{"name": "Coffee", "n": 1}')
    seam.decide()
    assert seam.failed
    assert seam.pending() == '{"name": "Coffee", "n": 1}'


def test_a_decided_seam_lets_text_pass() -> None:
    """What comes after the decision goes out as it comes."""
    seam = Seam("One two ")
    assert seam.feed("thr") == ""
    assert seam.feed("ee four ") == "three four "
    assert seam.feed("five") == "five"
    assert seam.decide() == ""


@pytest.mark.parametrize(
    ("pieces", "out"),
    [
        (["Hel", "lo wor", "ld."], ["Hel", "lo ", "world."]),
        (["One", " two", " three"], ["One", " ", "two "]),
        (["茶", "会变", "凉"], ["茶", "会变", "凉"]),
        (["A", " x_y", "z = 1"], ["A", " ", "x_yz = "]),
        (["ชา", "เย", "็น", "ลง"], ["ช", "าเ", "ย็", "นล"]),
        (["が", "か\u3099"], ["が", "か\u3099"]),
        (["नम", "स्", "ते "], ["नम", "", "स्ते "]),
        (["Go", " 3.1", "4 "], ["Go", " 3.", "14 "]),
        (["Hi", " \U0001f468‍", "\U0001f469 ok"], ["Hi", " ", "\U0001f468‍\U0001f469 "]),
        (["A ", "a" * 70, "b c"], ["A ", "a" * 70, "b "]),
    ],
)
def test_only_an_unfinished_word_is_held_back(pieces: list[str], out: list[str]) -> None:
    """The first piece goes out at once; later ones but for the word that may go on."""
    held = Unfinished()
    assert [held.feed(piece) for piece in pieces] == out
    assert "".join(out) + held.end() == "".join(pieces)


def test_the_request_to_go_on_hands_nobody_a_beginning_of_his_own() -> None:
    """The last turn is a user's, quotes the end, and asks for no schema that would begin a new text."""
    prompt = ask("Write.", max_output=1000, schema=Schema("x", {"type": "object"}))
    asked = continuation(prompt, "word " * 200)
    assert [message.role for message in asked.messages] == ["user", "assistant", "user"]
    assert "word word" in asked.messages[-1].text
    assert asked.schema is None
    assert asked.max_output == 750
    own = prefixed(prompt, "One two ")
    assert own.continue_final
    assert own.messages[-1].text == "One two "


def test_the_filter_keeps_order_and_fields_and_names_what_it_cannot_read() -> None:
    """A line that is no join is answered with what is wrong with it; the others are joined."""
    source = b'{"id": 1, "sent": "One ", "continuation": "two."}\n\n{"id": 2, "sent": 3}\nnot json\n'
    target = io.BytesIO()
    assert splice.main(io.BytesIO(source), target) == 1
    first, second, third = (json.loads(line) for line in target.getvalue().splitlines())
    assert first == {
        "id": 1,
        "sent": "One ",
        "continuation": "two.",
        "joined": "One two.",
        "how": "continued",
    }
    assert (second["id"], second["joined"]) == (2, None)
    assert "'sent' must be a text" in second["error"]["message"]
    assert "no JSON" in third["error"]["message"]
