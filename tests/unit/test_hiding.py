"""What a run hides, and the way back."""

import sys
from collections.abc import Sequence

import orjson
import pytest

from shared.core.faults import OurFault
from shared.core.prompt import Message, Prompt, Tool, ToolCall, ask
from shared.core.rules import Rules
from shared.core.schema import Schema
from shared.guard.hiding import Hiding, shown
from shared.ports.recogniser import Recognised


class People:
    """A recogniser that knows one person, and sees one in every placeholder."""

    def find(self, text: str) -> Sequence[Recognised]:
        """Where the person stands."""
        found = [Recognised(text.index("Ada"), text.index("Ada") + 3, "PERSON")] if "Ada" in text else []
        if "EMAIL" in text:
            found.append(Recognised(text.index("EMAIL") - 1, text.index("EMAIL") + 3, "PERSON"))
        return sorted(found)


def test_a_clean_prompt_is_left_as_it_is() -> None:
    """The same object: the usual case costs nothing more."""
    prompt = ask("Why does tea cool?", system="Be brief.")
    hiding = Hiding(Rules())
    assert hiding.prompt(prompt) is prompt
    assert not hiding.any


def test_arguments_of_a_call_stay_json() -> None:
    """Also where what is hidden was a number."""
    call = ToolCall("c1", "pay", '{"card": 4111111111111111, "to": "ada@example.com"}')
    prompt = Prompt((Message("user", "Pay."), Message("assistant", "", tool_calls=(call,))))
    hiding = Hiding(Rules())
    (hidden,) = hiding.prompt(prompt).messages[1].tool_calls
    value = orjson.loads(hidden.arguments)
    assert "4111" not in hidden.arguments
    assert shown(value, hiding.marks) == {"card": "4111111111111111", "to": "ada@example.com"}


def test_equal_values_have_equal_marks_in_all_messages() -> None:
    """So a model can tell that they are the same."""
    hiding = Hiding(Rules())
    prompt = hiding.prompt(ask("Write to ada@example.com", system="ada@example.com is a friend"))
    one, two = (message.text for message in prompt.messages)
    assert one.split()[0] == two.split()[-1]


def test_another_recogniser_finds_what_ours_does_not() -> None:
    """Its finds get marks of their own; it can't reach into a placeholder."""
    hiding = Hiding(Rules(), more=People())
    hidden = hiding.text("Ada: ada@example.com")
    assert "Ada" not in hidden
    assert shown(hidden, hiding.marks) == "Ada: ada@example.com"
    assert sorted(mark[1:-1] for mark in hiding.marks) == ["EMAIL_1", "PERSON_1"]


def test_a_policy_that_names_types_asks_nobody_else() -> None:
    """A further recogniser's types are in no policy."""
    hiding = Hiding(Rules(redact=frozenset({"EMAIL"})), more=People())
    assert hiding.text("Ada").startswith("Ada")


def test_presidio_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is asked for and not installed the start says so."""
    from shared.adapters.presidio import PresidioRecogniser

    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(OurFault, match="not installed"):
        PresidioRecogniser("blank")


def test_tools_schemas_and_stop_words_are_asked_without_it_too() -> None:
    """Whatever of a request has words; a request without such things in it stays the same object."""
    tool = Tool(
        "mail",
        "Writes to ada@example.com.",
        {"type": "object", "properties": {"to": {"enum": ["ada@example.com"]}}},
    )
    schema = Schema("s", {"type": "object", "description": "of ada@example.com"})
    prompt = Prompt((Message("user", "Hi."),), tools=(tool,), schema=schema, stop=("ada@example.com",))
    hiding = Hiding(Rules())
    assert "example.com" not in repr(hiding.prompt(prompt))
    assert list(hiding.marks.values()) == ["ada@example.com"]
    clean = Prompt((Message("user", "Hi."),), tools=(Tool("t", "Tells the time."),), stop=("END",))
    assert hiding.prompt(clean) is clean
