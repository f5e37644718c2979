"""Parts of `TranslationSpace` and its supernet."""
