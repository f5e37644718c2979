"""Ready networks whose blocks are conv, shift, adder or shift-adder."""

__all__: list[str] = []
