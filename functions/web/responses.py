"""POST /v1/responses, as OpenAI's, without memory between requests."""

from typing import Any

from functions.web.openai_answer import Envelope
from functions.web.responses_answer import GatheredResponse, ResponseWriter
from functions.web.responses_request import ResponsesBody, responses_body

PATH = "/v1/responses"


class Responses:
    """The dialect of Responses."""

    prefix = "resp_"

    def read(self, values: dict[str, Any]) -> ResponsesBody:
        """See the protocol."""
        return responses_body(values)

    def gathered(self, envelope: Envelope, asked: ResponsesBody) -> GatheredResponse:
        """See the protocol."""
        return GatheredResponse(envelope, asked.echo)

    def writer(self, envelope: Envelope, asked: ResponsesBody) -> ResponseWriter:
        """See the protocol."""
        return ResponseWriter(envelope, asked.echo)
