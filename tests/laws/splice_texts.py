"""Texts in which every cut has to be joined: prose, Markdown, verse, code, JSON and ten scripts."""

PROSE = (
    "A cup of tea gives its heat away in several ways at once. The surface radiates, the air above it carries warmth "
    "off, and the cup itself takes its share; none of these ever rests. Newton wrote the law down in 1701, and it "
    "still holds for every cup that is left on a table: the warmer it is, the faster it cools.\n\n"
    "Streams break at the worst moment: a reader sees half a sentence, the connection drops, and whatever came next is "
    "lost. A second model can go on only if it knows where the first one stopped, so honest engineers should rehearse "
    'every failure they fear. Next, they measure; then they measure again, because "it works" is no number — 3.14 is.\n'
)
MARKDOWN = """# Why tea cools

Tea is *never* as warm as **the day** it was made; see [the long account](https://example.org/a_b?c=1#d) of it.

- **Radiation** leaves from every warm surface.
- **Convection** carries it off with the moving air.
  - In still air it is slow.
  - In a draught it is fast.

1. Pour the tea.
2. Wait for three minutes.
3. Drink it, `slowly`.
10. Wash the cup.

| way | share | note |
|---|---:|---|
| radiation | 20 % | grows fast |
| convection | 50 % | needs air |
| conduction | 30 % | needs air |

```python
def cool(t: float, room: float, k: float = 0.1) -> float:
    for _ in range(10):
        t -= k * (t - room)
        if t <= room:
            return room
    return t
```

> In the end the tea is as warm as the room.

The end.
"""
JSON = (
    '{"title": "Why tea cools", "ways": [{"name": "radiation", "share": 0.25, "fast": true}, '
    '{"name": "caf\\u00e9 air", "share": 0.5, "fast": false}], '
    '"note": "a \\"law\\" of\\n1701", "n": -12.5e3, "none": null}'
)
PRETTY = (
    '{\n  "title": "Why tea cools",\n  "ways": [\n    {\n      "name": "radiation",\n      "share": 0.25\n    },\n'
    '    {\n      "name": "air",\n      "share": 0.5\n    }\n  ],\n  "none": null\n}\n'
)
CHINESE = (
    "一杯茶会慢慢变凉，因为热量从表面散失到空气里。牛顿在一七〇一年写下了冷却定律，"
    "至今仍然有效：茶越热，凉得越快。\n\n所以，如果想喝热茶，就要盖上杯盖，或者用保温杯。\n"
)
JAPANESE = (
    "お茶は少しずつ冷めていきます。熱が表面から空気へ逃げるからです。"
    "ニュートンは一七〇一年に冷却の法則を書きました。コップが熱いほど、早く冷めるのです。\n"
)
THAI = (
    "ชาจะค่อยๆ เย็นลงเพราะความร้อนถ่ายเทจากผิวน้ำสู่อากาศ นิวตันเขียนกฎการเย็นตัวไว้ในปี ค.ศ. 1701 และกฎนี้ยังใช้ได้จนถึงทุกวันนี้\n"
)
ARABIC = (
    "يبرد الشاي لأن الحرارة تنتقل من سطحه إلى الهواء المحيط به، "
    "ثم إلى جدران الكوب والطاولة. وقد كتب نيوتن هذا القانون سنة "
    "١٧٠١، وما زال صحيحًا إلى اليوم.\n"
)
HINDI = (
    "चाय इसलिए ठंडी होती है क्योंकि उसकी गर्मी सतह से हवा में "
    "चली जाती है और प्याला भी कुछ गर्मी ले लेता है। न्यूटन ने "
    "यह नियम सन् १७०१ में लिखा था, और वह आज भी सही है।\n"
)
KOREAN = (
    "차는 천천히 식는다. 열이 표면에서 공기로 빠져나가기 때문이다. 뉴턴은 1701년에 냉각 법칙을 썼고, "
    "그 법칙은 지금도 유효하다.\n"
)
RUSSIAN = (
    "Чай остывает, потому что тепло уходит с поверхности в воздух. "
    "Ньютон записал закон охлаждения в 1701 году, и он верен "
    "до сих пор: чем горячее чай, тем быстрее он остывает.\n"
)
EMOJI = (
    "Tea \U0001f375 cools, says the family \U0001f468\u200d\U0001f469\u200d\U0001f467: "
    "flags \U0001f1eb\U0001f1f7 and \U0001f1e9\U0001f1ea too, "
    "\U0001f44d\U0001f3fd a thumb, e\u0301te\u0301 in decomposed "
    "letters, and 1\ufe0f\u20e3 keycaps.\n"
)
POEM = """Row, row, row your boat,
Gently down the stream,
Merrily, merrily, merrily, merrily,
Life is but a dream.

Ha ha ha, said the sea to the shore,
Ha ha ha, said the shore to the sea.
It was very, very late, and the night was long long ago,
And on and on and on the river ran.
Life is but a dream, a dream,
Life is but a dream.
"""
CODE = """```js
function add(a, b) {
  if (a === 0) {
    return b;
  }
  if (b === 0) {
    return a;
  }
  x += 1;
  x += 1;
  return a + b;
}
module.exports = { add };
```
"""
CRLF = PROSE.replace("\n", "\r\n")
ALL = {
    "prose": PROSE,
    "markdown": MARKDOWN,
    "json": JSON,
    "pretty": PRETTY,
    "chinese": CHINESE,
    "japanese": JAPANESE,
    "thai": THAI,
    "arabic": ARABIC,
    "hindi": HINDI,
    "korean": KOREAN,
    "russian": RUSSIAN,
    "emoji": EMOJI,
    "poem": POEM,
    "code": CODE,
    "crlf": CRLF,
}
