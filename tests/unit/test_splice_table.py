"""The hard seams, as data: what readers had, what the next model wrote, what they must end up with.

`None` stands for a marked restart: nothing fits, and the answer begins anew.
"""

import pytest

from shared.models.splice import Seam, joined

Row = tuple[str, str, str | None]
S61 = (
    "A gateway that hides a failure is worse than the failure itself, because the reader trusts a text that nobody "
    "finished; so honest engineers should rehearse every failure they fear. Next, they write down what they saw."
)
END = S61[: S61.index(" fear.")]
MID = END + " fea"
TAIL8 = "so honest engineers should rehearse every failure they"
RESEARCH = {
    "exact at a word's end": (END, " fear. Next, they write down what they saw."),
    "exact inside a word": (MID, "r. Next, they write down what they saw."),
    "echo of all at a word's end": (END, S61),
    "echo of all inside a word": (MID, S61),
    "a space first at a word's end": (END, " fear. Next, they write down what they saw."),
    "a space first inside a word": (MID, " r. Next, they write down what they saw."),
    "the last 8 words at a word's end": (END, TAIL8 + " fear. Next, they write down what they saw."),
    "the last 8 words inside a word": (MID, TAIL8 + " fear. Next, they write down what they saw."),
    "the last 3 words": (END, "every failure they fear. Next, they write down what they saw."),
    "a remark": (END, "Continuing from where I stopped: fear. Next, they write down what they saw."),
    "the answer again": (END + " ", S61),
}
"""The eleven seams of research/gateways.md 1a (the twelfth asks nobody)."""

T = "| way | share |\n|---|---|\n| radiation | 20 % |\n"
F = "Look:\n\n```python\ndef cool(t):\n    t -= 1\n"
J = '{"title": "Why tea cools", "ways": [{"name": "air", "n": 1}, {"na'
PROSE: list[Row] = [
    ("every failure they fea", "fear. Next", "every failure they fear. Next"),
    ("every failure they fea", "ar. Next", "every failure they fear. Next"),
    ("every failure they fea", " r. Next", "every failure they fear. Next"),
    ("rehearse every fea", "feature", "rehearse every feature"),
    ("every failure they", "fear", "every failure they fear"),
    ("They left. ", "They left. Then it rained.", "They left. Then it rained."),
    ("The cups were washed.", "Then they dried.", "The cups were washed. Then they dried."),
    ("The cups were washed,", "dried and put away.", "The cups were washed, dried and put away."),
    ("The cups were washed, ", " dried and put away.", "The cups were washed, dried and put away."),
    ("He wrote to Mr. ", "Smith at once.", "He wrote to Mr. Smith at once."),
    ("It costs 3", ".50 a cup.", "It costs 3.50 a cup."),
    ("It costs 3.", "50 a cup.", "It costs 3.50 a cup."),
    ("There were 10", "0 apples.", "There were 100 apples."),
    ("There were 1", "1 apples.", "There were 11 apples."),
    ("Call 555 ", "555 now.", "Call 555 555 now."),
    ("Newton wrote it in 1701 ", "1701, in Latin.", "Newton wrote it in 1701 , in Latin."),
    ("It was written by the ", "the old man.", "It was written by the old man."),
    ("She was proud of ", "of it all.", "She was proud of it all."),
    ("It was in the ", "in the end a good day.", "It was in the end a good day."),
    (
        "A tale of heat and of failure they ",
        "failure they feared.",
        "A tale of heat and of failure they feared.",
    ),
    ("Honest engineers rehearse ", "rehearse all of it.", "Honest engineers rehearse all of it."),
    ("The warmer it is, the faster it ", "the faster it cools.", "The warmer it is, the faster it cools."),
    (
        "Streams break. A reader sees half a ",
        "A reader sees half a line.",
        "Streams break. A reader sees half a line.",
    ),
    ("Streams break. It ", "It hurts.", "Streams break. It hurts."),
    ("He said that tea", ", like soup, cools.", "He said that tea, like soup, cools."),
    ("He said that tea ", ", like soup, cools.", "He said that tea , like soup, cools."),
    ("He said that tea", " , like soup, cools.", "He said that tea, like soup, cools."),
    ("the cup of tea in the room is as warm as the air round it, and then ",
     "the cup of tea in the room is as warm as the air around it, and then it rests.",
     "the cup of tea in the room is as warm as the air round it, and then it rests."),
    ("Heat leaves the cup of tea through the surface and through the walls, so that ",
     "Heat leaves a cup of tea through the surface and through the walls, so that it cools.",
     "Heat leaves the cup of tea through the surface and through the walls, so that it cools."),
    (
        "Tea cools. It’s “simple” — really, so we ",
        "It's \"simple\" - really, so we wait.",
        "Tea cools. It’s “simple” — really, so we wait.",
    ),
    (
        "Caf\u00e9 owners know this well and ",
        "Cafe\u0301 owners know this well and act.",
        "Caf\u00e9 owners know this well and act.",
    ),
    ("THE END OF ALL TEA IS THE ", "the end of all tea is the sea.", "THE END OF ALL TEA IS THE sea."),
    ("Tea cools in the cup.\n\n", "\n\nThen it is cold.", "Tea cools in the cup.\n\nThen it is cold."),
    ("Tea cools in the cup.\n", "\nThen it is cold.", "Tea cools in the cup.\n\nThen it is cold."),
    (
        "Tea cools slowly in the porcelain ",
        "\n\ncup on the table.",
        "Tea cools slowly in the porcelain cup on the table.",
    ),
    ("Use asyncio.", "Queue() here.", "Use asyncio.Queue() here."),
    (
        "Tea cools.\r\nHeat leaves the cup of tea and ",
        "Tea cools.\nHeat leaves the cup of tea and goes.",
        "Tea cools.\r\nHeat leaves the cup of tea and goes.",
    ),
    ("Heat leaves the warm cup and ", "Heat leaves the warm cup and", "Heat leaves the warm cup and "),
    ("a", "b", "ab"),
    ("", "  Hello", "  Hello"),
    ("Hello", "", "Hello"),
]  # fmt: skip
REMARKS: list[Row] = [
    ("they ", "Sure, here's the rest:\n\nfear.", "they fear."),
    ("they ", "Here is the continuation:\n\nfear.", "they fear."),
    ("they ", "Here is the continuation of the text:\n\n\"fear. Next.\"", "they fear. Next."),
    ("they ", "Certainly! Here is the rest of the article:\n\nfear.", "they fear."),
    ("they ", "Of course!\n\nfear.", "they fear."),
    ("they ", "(continued)\n\nfear.", "they fear."),
    ("they ", "**Continuation:**\n\nfear.", "they fear."),
    ("they ", "Continuing from where I left off...\n\nfear.", "they fear."),
    ("they ", "Picking up where the text stops:\n\nfear.", "they fear."),
    ("they ", "I'll continue from where I stopped:\n\nfear.", "they fear."),
    ("they ", "Let me continue the text:\n\n---\n\nfear.", "they fear."),
    (
        "every failure they ",
        "Sure, here is the rest:\n\nevery failure they fear.",
        "every failure they fear.",
    ),
    ("every failure they ", "Here is the rest:\n\n```\nfear. Next.\n```", "every failure they fear. Next."),
    ("every failure they ", "```markdown\nfear. Next.\n```\n", "every failure they fear. Next."),
    ("every failure they ", "Sure:\n\n```text\nevery failure they fear.\n```", "every failure they fear."),
    ("every failure they ", "...they fear.", "every failure they fear."),
    ("every failure they ", "…fear.", "every failure they fear."),
    ("Tee wird ", "Hier ist die Fortsetzung:\n\nkalt.", "Tee wird kalt."),
    ("Tee wird ", "Natürlich, hier geht es weiter:\n\nkalt.", "Tee wird kalt."),
    ("Le thé devient ", "Bien sûr, voici la suite :\n\nfroid.", "Le thé devient froid."),
    ("El té se ", "Aquí está la continuación:\n\nenfría.", "El té se enfría."),
    ("O chá fica ", "Continuando de onde parei:\n\nfrio.", "O chá fica frio."),
    ("Il tè diventa ", "Ecco la continuazione:\n\nfreddo.", "Il tè diventa freddo."),
    ("Чай становится ", "Вот продолжение:\n\nхолодным.", "Чай становится холодным."),
    ("De thee wordt ", "Hier is het vervolg:\n\nkoud.", "De thee wordt koud."),
    ("茶会变", "以下是续写内容：\n\n凉。", "茶会变凉。"),
    ("茶会变", "好的，继续：\n\n凉。", "茶会变凉。"),
    ("お茶は冷め", "以下が続きです：\n\nます。", "お茶は冷めます。"),
    ("차가 ", "이어서 작성하겠습니다:\n\n식는다.", "차가 식는다."),
    ("الشاي ", "إليك بقية النص:\n\nيبرد.", "الشاي يبرد."),
    ("चाय ", "यहाँ आगे का पाठ है:\n\nठंडी है।", "चाय ठंडी है।"),
    (
        "What helps? ",
        "Continuing education is the answer: it pays.",
        "What helps? Continuing education is the answer: it pays.",
    ),
    ("He asked her. ", "Sure, she said, and left.", "He asked her. Sure, she said, and left."),
    (
        "The plan is this. ",
        "The rest of the steps are:\n- wait",
        "The plan is this. The rest of the steps are:\n- wait",
    ),
    (
        "They agreed. ",
        "Of course, nobody did it: it rained.",
        "They agreed. Of course, nobody did it: it rained.",
    ),
    ("He drank ", "the rest of it: two cups.", "He drank the rest of it: two cups."),
    ("It is a ", "continuation of the text you have.\nMore.", "It is a continuation of the text you have.\nMore."),
    ("| splice | the ", "continuation of the rest |\n| step |", "| splice | the continuation of the rest |\n| step |"),
    ("茶会变凉。", "接下来，水会继续变凉：因为热量散失。", "茶会变凉。接下来，水会继续变凉：因为热量散失。"),
    ("She stopped. ",
        "Here is where the road ends: at the sea.",
        "She stopped. Here is where the road ends: at the sea.",
    ),
]  # fmt: skip
REPEATED: list[Row] = [
    ("Ha ha ", "ha ha ha!", "Ha ha ha ha ha!"),
    ("It was very ", "very cold.", "It was very very cold."),
    ("It was very, ", "very cold.", "It was very, very cold."),
    ("I know that ", "that is so.", "I know that that is so."),
    ("He had ", "had enough.", "He had had enough."),
    ("No, no, ", "no, no.", "No, no, no, no."),
    ("More and ", "more and more came.", "More and more and more came."),
    ("It went on and on ", "and on.", "It went on and on and on."),
    ("Step by ", "step by step it goes.", "Step by step by step it goes."),
    ("They sang in New York, ", "New York.", "They sang in New York, New York."),
    (
        "A harbour lives tide by tide, ",
        "tide by tide: it ebbs.",
        "A harbour lives tide by tide, tide by tide: it ebbs.",
    ),
    ("There, there, ", "there, she said.", "There, there, there, she said."),
    ("really ", "really good", "really really good"),
    ("Row, row, ", "row your boat", "Row, row, row your boat"),
    (
        "Life is a dream.\nWe row.\nLife is a dream.\n",
        "Life is a dream.\nEnd.",
        "Life is a dream.\nWe row.\nLife is a dream.\nLife is a dream.\nEnd.",
    ),
    (
        "We shall fight on the beaches, ",
        "we shall fight on the landing grounds.",
        "We shall fight on the beaches, we shall fight on the landing grounds.",
    ),
    ("The tea cools. ", "The tea that is left cools too.", "The tea cools. The tea that is left cools too."),
    (
        "The first cup of the day cools in the room.\n",
        "The second cup of the day cools in the room.\n",
        "The first cup of the day cools in the room.\nThe second cup of the day cools in the room.\n",
    ),
    (
        "Item 14: heat loss of the large cup in the room.\n",
        "Item 15: heat loss of the large cup in the room.\n",
        "Item 14: heat loss of the large cup in the room.\nItem 15: heat loss of the large cup in the room.\n",
    ),
    ("mur", "mur of the sea", "murmur of the sea"),
    ("ha", "hahaha", "hahahaha"),
    ("बार ", "बार वही बात।", "बार बार वही बात।"),
    ("धीरे ", "धीरे चलो।", "धीरे धीरे चलो।"),
    ("慢", "慢变凉。", "慢慢变凉。"),
    ("ค่อย", "ๆ เย็นลง", "ค่อยๆ เย็นลง"),
    ("Чуть ", "чуть теплее.", "Чуть чуть теплее."),
    ("x = 1\n" * 2, "x = 1\ny = 2\n", "x = 1\n" * 3 + "y = 2\n"),
]  # fmt: skip
LISTS: list[Row] = [
    (
        "- The cat sat.\n- The dog sat.\n",
        "- The bird sat.\n",
        "- The cat sat.\n- The dog sat.\n- The bird sat.\n",
    ),
    ("1. one\n2. two\n3", ". three", "1. one\n2. two\n3. three"),
    ("1. one\n2. two\n3", "3. three", "1. one\n2. two\n3. three"),
    ("1. one\n2. two\n", "2. two\n3. three", "1. one\n2. two\n3. three"),
    ("1. one\n2. two\n3. ", "3. three\n4. four", "1. one\n2. two\n3. three\n4. four"),
    ("9. nine\n1", "0. ten", "9. nine\n10. ten"),
    (
        "- pour the tea\n- wait for ",
        "- wait for three minutes\n- drink",
        "- pour the tea\n- wait for three minutes\n- drink",
    ),
    (
        "- pour the tea\n- wait for three minutes",
        "- drink",
        "- pour the tea\n- wait for three minutes\n- drink",
    ),
    ("1. Pour the tea.", "2. Wait.", "1. Pour the tea.\n2. Wait."),
    ("The tea is cold.", "## Next\n\nMore.", "The tea is cold.\n\n## Next\n\nMore."),
    ("Do this:", "- pour\n- wait", "Do this:\n\n- pour\n- wait"),
    ("- one\n", "  - nested", "- one\n  - nested"),
    ("- one\n ", " - nested", "- one\n  - nested"),
    ("- **Radi", "ation** leaves", "- **Radiation** leaves"),
    ("- **Radiation** lea", "- **Radiation** leaves", "- **Radiation** leaves"),
    ("The **bold", "** word", "The **bold** word"),
    ("The **bold word", "**bold word** here", "The **bold word** here"),
    (
        "See [the long account](https://ex",
        "ample.org/a) of it",
        "See [the long account](https://example.org/a) of it",
    ),
    (
        "See [the long account](https://ex",
        "[the long account](https://example.org/a) of it",
        "See [the long account](https://example.org/a) of it",
    ),
    ("See [the lo", "ng account](https://x.org)", "See [the long account](https://x.org)"),
    ("> Heat leaves the cup and ", "> Heat leaves the cup and goes.", "> Heat leaves the cup and goes."),
    ("# Tea\n\nTea cools because of the air. ", "# Cooling\n\nAll warm things cool.", None),
    ("# Tea\n\nTea cools because of the air, ", "# Tea\n\nWarm things cool for many reasons.", None),
    ("# One\n\nText.\n\n", "# Two\n\nMore.", "# One\n\nText.\n\n# Two\n\nMore."),
]  # fmt: skip
TABLES: list[Row] = [
    (T, "| air | 50 % |\n", T + "| air | 50 % |\n"),
    (T + "| air | 2", "0 % |\n", T + "| air | 20 % |\n"),
    (T + "| air | 2", "| air | 20 % |\n", T + "| air | 20 % |\n"),
    (T + "| air | ", "| air | 50 % |\n", T + "| air | 50 % |\n"),
    (T + "| air | 20 % |", "| wall | 30 % |\n", T + "| air | 20 % |\n| wall | 30 % |\n"),
    (T + "| 20 % | ", "20 % |\n", T + "| 20 % | 20 % |\n"),
    (T, T + "| air | 50 % |\n", T + "| air | 50 % |\n"),
    (
        "| way | share |\n|---|---|\n",
        "|---|---|\n| air | 50 % |\n",
        "| way | share |\n|---|---|\n| air | 50 % |\n",
    ),
    ("| way | share |\n", "|---|---|\n| air | 50 % |\n", "| way | share |\n|---|---|\n| air | 50 % |\n"),
    ("| a | b |\n|---|---|\n| 1 | 2 |\n", "| 1 | 3 |\n", "| a | b |\n|---|---|\n| 1 | 2 |\n| 1 | 3 |\n"),
    (
        "| a | b | c |\n|---|---|---|\n| yes | ",
        "yes | no |\n",
        "| a | b | c |\n|---|---|---|\n| yes | yes | no |\n",
    ),
]
FENCES: list[Row] = [
    (F, "    return t\n```\n", F + "    return t\n```\n"),
    (F, "```python\n    return t\n```\n", F + "    return t\n```\n"),
    (F, "Sure, here is the rest:\n\n```python\n    return t\n```\n", F + "    return t\n```\n"),
    (F, "```\n\nDone.", F + "```\n\nDone."),
    (F, "def cool(t):\n    t -= 1\n    return t\n", F + "    return t\n"),
    (F, "```python\ndef cool(t):\n    t -= 1\n    return t\n```\n", F + "    return t\n```\n"),
    (F + "    ret", "urn t\n", F + "    return t\n"),
    (F + "    ret", "    return t\n", F + "    return t\n"),
    (F + "    ", "return t\n", F + "    return t\n"),
    (F + "    if t:\n", "        return t\n", F + "    if t:\n        return t\n"),
    (F + "   ", " return t\n", F + "    return t\n"),
    ("Use this:\n\n", "```python\nx = 1\n```\n", "Use this:\n\n```python\nx = 1\n```\n"),
    ("Use this:", "```python\nx = 1\n```\n", "Use this:\n\n```python\nx = 1\n```\n"),
    ("Use `cool(t", ")` for it", "Use `cool(t)` for it"),
    ("```js\nif (a) {\n  }\n", "  }\n}\n", "```js\nif (a) {\n  }\n  }\n}\n"),
    ("```sh\ncd /tmp\n", "ls -la\n```", "```sh\ncd /tmp\nls -la\n```"),
    ("`", "``python\nx = 1\n```", "```python\nx = 1\n```"),
]
SCRIPTS: list[Row] = [
    ("茶会慢慢变凉，因为热量", "从表面散失。", "茶会慢慢变凉，因为热量从表面散失。"),
    ("茶会慢慢变凉，因为热量", "因为热量从表面散失。", "茶会慢慢变凉，因为热量从表面散失。"),
    ("茶会慢慢变凉，因为热量", "茶会慢慢变凉，因为热量散失。", "茶会慢慢变凉，因为热量散失。"),
    ("茶会慢慢变凉，", " 因为热量散失。", "茶会慢慢变凉，因为热量散失。"),
    ("茶会慢慢变凉。", "所以要盖上。", "茶会慢慢变凉。所以要盖上。"),
    ("お茶は少しずつ冷め", "お茶は少しずつ冷めます。", "お茶は少しずつ冷めます。"),
    ("お茶は少しずつ", "冷めていきます。", "お茶は少しずつ冷めていきます。"),
    ("ニュートンは法則を", "ニュートンは法則を書いた。", "ニュートンは法則を書いた。"),
    ("ชาจะเย็นลงเพราะความร้อ", "นถ่ายเท", "ชาจะเย็นลงเพราะความร้อนถ่ายเท"),
    ("ชาจะเย็นลงเพราะความร้อน", "เพราะความร้อนถ่ายเท", "ชาจะเย็นลงเพราะความร้อนถ่ายเท"),
    ("يبرد الشاي لأن الحرارة ", "لأن الحرارة تنتقل.", "يبرد الشاي لأن الحرارة تنتقل."),
    ("يبرد الشاي لأن ", "الحرارة تنتقل.", "يبرد الشاي لأن الحرارة تنتقل."),
    ("يبرد الشاي،", "ثم يسخن.", "يبرد الشاي، ثم يسخن."),
    (
        "चाय इसलिए ठंडी होती है क्योंकि ",
        "ठंडी होती है क्योंकि गर्मी जाती है।",
        "चाय इसलिए ठंडी होती है क्योंकि गर्मी जाती है।",
    ),
    ("चाय ठंड", "ी होती है।", "चाय ठंडी होती है।"),
    ("차는 천천히 식는다. 열은 ", "열은 빠져나가기 때문이다.", "차는 천천히 식는다. 열은 빠져나가기 때문이다."),
    ("차는 천천히 식는", "다.", "차는 천천히 식는다."),
    ("차는 천천히 식는다. 열이 공기로 ", "열이 공기로 빠져나간다.", "차는 천천히 식는다. 열이 공기로 빠져나간다."),
    ("Чай остывает, потому что ", "потому что тепло уходит.", "Чай остывает, потому что тепло уходит."),
    ("Чай остывает.", "Тепло уходит.", "Чай остывает. Тепло уходит."),
    (
        "Το τσάι κρυώνει επειδή ",
        "κρυώνει επειδή φεύγει η θερμότητα.",
        "Το τσάι κρυώνει επειδή φεύγει η θερμότητα.",
    ),
    ("התה מתקרר כי ", "התה מתקרר כי החום בורח.", "התה מתקרר כי החום בורח."),
    (
        "A family \U0001f468\u200d\U0001f469",
        "\u200d\U0001f467 here",
        "A family \U0001f468\u200d\U0001f469\u200d\U0001f467 here",
    ),
    (
        "A family \U0001f468\u200d\U0001f469\u200d",
        "\U0001f467 here",
        "A family \U0001f468\u200d\U0001f469\u200d\U0001f467 here",
    ),
    ("Flags \U0001f1eb", "\U0001f1f7 too", "Flags \U0001f1eb\U0001f1f7 too"),
    ("A thumb \U0001f44d", "\U0001f3fd up", "A thumb \U0001f44d\U0001f3fd up"),
    ("e\u0301te", "\u0301 is summer", "e\u0301te\u0301 is summer"),
    (
        "Chaque matin, le thé refroidit parce que ",
        "le thé refroidit parce que l’air circule.",
        "Chaque matin, le thé refroidit parce que l’air circule.",
    ),
]  # fmt: skip
JSONS: list[Row] = [
    (J, 'me": "wall", "n": 2}]}', J + 'me": "wall", "n": 2}]}'),
    (J, J + 'me": "wall", "n": 2}]}', J + 'me": "wall", "n": 2}]}'),
    (J, '{"name": "wall", "n": 2}]}', J + 'me": "wall", "n": 2}]}'),
    (J, '"name": "wall", "n": 2}]}', J + 'me": "wall", "n": 2}]}'),
    (J, '```json\nme": "wall", "n": 2}]}\n```', J + 'me": "wall", "n": 2}]}'),
    (J, 'Here is the rest:\n\n```json\nme": "wall", "n": 2}]}\n```', J + 'me": "wall", "n": 2}]}'),
    ('{"a": 1', '2}', '{"a": 12}'),
    ('{"a": 1', ', "b": 2}', '{"a": 1, "b": 2}'),
    ('{"a": 1, ', '{"b": 2}', '{"a": 1, "b": 2}'),
    ('{"a": 1, ', ', "b": 2}', '{"a": 1, "b": 2}'),
    ('{"a": "x"', '"b": 2}', '{"a": "x", "b": 2}'),
    ('{"a": "x", "b": ', '"b": 2}', '{"a": "x", "b": 2}'),
    ('{"a": "caf\\u00', 'e9"}', '{"a": "caf\\u00e9"}'),
    ('{"a": "caf\\u00', '\\u00e9"}', '{"a": "caf\\u00e9"}'),
    ('{"a": "say \\', '"hi\\""}', '{"a": "say \\"hi\\""}'),
    ('{"a": "tea ', ' cools"}', '{"a": "tea cools"}'),
    ('{"a": "tea ', 'tea cools"}', '{"a": "tea tea cools"}'),
    ('{"a": "the warm tea ', '"the warm tea cools"}', '{"a": "the warm tea cools"}'),
    ('[1, 2', ', 3]', '[1, 2, 3]'),
    ('{"a": tr', 'ue}', '{"a": true}'),
    ('{"a": tr', 'true}', '{"a": true}'),
    ('{"title": "Tea", "n": 1', '{\n  "title": "Tea",\n  "n": 12\n}', '{"title": "Tea", "n": 12\n}'),
    ('{"title": "Tea", ', '{\n  "title": "Tea",\n  "n": 12\n}', '{"title": "Tea", "n": 12\n}'),
    ('{\n  "a": 1,\n', '  "b": 2\n}', '{\n  "a": 1,\n  "b": 2\n}'),
    ('{"title": "Tea', '{"name": "Coffee", "n": 1}', None),
    ('{', '{"a": 1}', '{"a": 1}'),
    ('{"a": [', '"x", "y"]}', '{"a": ["x", "y"]}'),
]  # fmt: skip
KINDS: dict[str, list[Row]] = {
    "prose": PROSE, "remark": REMARKS, "repetition": REPEATED, "list": LISTS, "table": TABLES, "fence": FENCES,
    "script": SCRIPTS,
}  # fmt: skip
CASES = [
    pytest.param(sent, rest, whole, id=f"{kind}-{number}")
    for kind, rows in KINDS.items()
    for number, (sent, rest, whole) in enumerate(rows)
]


@pytest.mark.parametrize(("sent", "rest"), RESEARCH.values(), ids=RESEARCH)
def test_the_seams_that_others_were_measured_on(sent: str, rest: str) -> None:
    """All eleven are clean: no word lost, none twice, none broken."""
    assert joined(sent, rest).text == S61


@pytest.mark.parametrize(("sent", "rest", "whole"), CASES)
def test_a_hard_seam(sent: str, rest: str, whole: str | None) -> None:
    """All at once and letter by letter: the text that its author would have written, or a marked restart."""
    found = joined(sent, rest)
    assert found.text == (rest if whole is None else whole)
    assert (found.how == "restart") == (whole is None)
    seam = Seam(sent)
    out = "".join(seam.feed(char) for char in rest) + seam.decide()
    assert seam.failed if whole is None else sent + out == whole


@pytest.mark.parametrize(("sent", "rest", "whole"), JSONS)
def test_a_seam_in_json(sent: str, rest: str, whole: str | None) -> None:
    """What is joined is JSON, with nothing in it twice; another document is a restart."""
    for pieces in ([rest], list(rest)):
        seam = Seam(sent, json=True)
        out = "".join(map(seam.feed, pieces)) + seam.decide()
        assert seam.failed if whole is None else sent + out == whole
        assert seam.pending().startswith(rest) if whole is None else seam.how is not None


def test_the_table_is_long_enough() -> None:
    """At least 150 seams, in eight scripts and more."""
    assert len(CASES) + len(JSONS) + len(RESEARCH) >= 150
