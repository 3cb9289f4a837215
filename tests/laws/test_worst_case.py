"""What is held for a call is worked out in whole numbers."""

from decimal import Decimal as D
from decimal import localcontext

from hypothesis import given
from hypothesis import strategies as st

from shared.core.model_spec import ALWAYS, Cliff, ModelSpec, Price
from shared.core.money import ceil_usd

_RATES = st.decimals(0, 300, places=4)
_MORE = st.decimals(D("0.5"), 4, places=3)
_CLIFFS = st.none() | st.builds(Cliff, st.integers(0, 300_000), _MORE, _MORE)
_PRICES = st.builds(Price, _RATES, _RATES, _RATES, _RATES, st.decimals(0, 1, places=6), _CLIFFS)


@given(_PRICES, st.integers(0, 2_000_000), st.integers(0, 200_000))
def test_a_worst_case_is_exact(price: Price, read: int, wrote: int) -> None:
    """It is the dearest rate that may apply, past a cliff too, any fraction of a micro-dollar up."""
    spec = ModelSpec("m", "openai", "openai-chat", "m", 1, 1, (price,))
    more_in = more_out = D(1)
    if price.cliff is not None and read > price.cliff.above:
        more_in, more_out = max(price.cliff.input, more_in), max(price.cliff.output, more_out)
    with localcontext(prec=80):
        tokens = read * max(price.input, price.cache_read, price.cache_write) * more_in
        tokens += wrote * price.output * more_out
        expected = ceil_usd(tokens / 1_000_000 + price.request)
    assert spec.worst_case(read, wrote, ALWAYS) == expected
