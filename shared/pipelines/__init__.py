"""The graphs that a reader wants to see first, by name. A new pipeline is a module here and a line below."""

from shared.documents.pipeline import Pipeline
from shared.pipelines import article, product_description

PIPELINES: dict[str, Pipeline] = {
    pipeline.name: pipeline for pipeline in (article.PIPELINE, product_description.PIPELINE)
}
