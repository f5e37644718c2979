"""The examples of the documentation run, and give what they say."""

import importlib.util
import warnings

import doc_pages
import keras
import pytest

import keras_shiftadd as ksa

# Words that a block may have behind "python".
NO_RUN = "no-run"
WARNS = "warns"
# What takes data of your own, several processes, or a search of minutes.
MOST_NOT_RUN = 3

# Pages that need more than a backend.
NEEDS = {
    "compression.md": ("tensorflow_model_optimization", "tf_keras"),
    "export.md": ("ai_edge_litert", "tflite_micro"),
    "export_c.md": ("ziglang", "unicorn"),
    "plots.md": ("matplotlib",),
    "tutorial.md": ("ai_edge_litert", "ziglang", "unicorn"),
}
# Pages whose examples run on one backend: in a process on TensorFlow in any case, or made of what
# other pages and tests run on all of them. PyTorch compiles nothing, and is done in seconds.
ONCE = {
    "augmentation.md": "torch",
    "compression.md": "torch",
    "layers.md": "torch",
    "models.md": "torch",
    "plots.md": "torch",
    "quantization.md": "tensorflow",
    "search.md": "torch",
    "training.md": "jax",
    "transformers.md": "torch",
    "tutorial.md": "tensorflow",
}


@pytest.fixture
def restored_settings():
    policy, limit = keras.config.dtype_policy(), ksa.ops.memory_limit()
    data_format = keras.config.image_data_format()
    yield
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format(data_format)
    ksa.ops.set_memory_limit(limit)


@pytest.mark.usefixtures("restored_settings")
@pytest.mark.parametrize("page", [*doc_pages.PAGES, doc_pages.README], ids=lambda page: page.stem)
def test_the_python_blocks_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch):
    for module in NEEDS.get(page.name, ()):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is missing; docs/installation.md says how to install it")
    if ONCE.get(page.name, keras.backend.backend()) != keras.backend.backend():
        pytest.skip(f"does not depend on the backend: KERAS_BACKEND={ONCE[page.name]}")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    wrong = []
    for block in doc_pages.python_blocks(page):
        if NO_RUN in block.words:
            continue
        with warnings.catch_warnings():
            if WARNS in block.words:
                warnings.simplefilter("ignore", ksa.layers.MissingNormalizationWarning)
            wrong += doc_pages.run_block(block, page, namespace)
    assert not wrong


def test_hardly_any_block_is_exempt_from_running():
    exempt = [
        f"{page.name}:{block.line}"
        for page in doc_pages.PAGES
        for block in doc_pages.python_blocks(page)
        if NO_RUN in block.words
    ]
    assert len(exempt) <= MOST_NOT_RUN, exempt


def test_blocks_have_no_other_words_behind_python():
    for page in doc_pages.PAGES:
        for block in doc_pages.python_blocks(page):
            assert set(block.words[1:]) <= {NO_RUN, WARNS}, f"{page.name}:{block.line}"


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        (2.0, "2.0", True),
        (2.01, "2.0", False),
        ([1.0, 2.0], "[1.0, 2.0]", True),
        ([1.0, 2.0], "[1.0]", False),
        ((1, 2), "[1, 2]", False),
        ({"a": 1}, "{'a': 1}", True),
        (range(2), "range(0, 2)", True),
        (None, "1", False),
    ],
)
def test_values_that_a_page_shows_are_compared(value, text, expected):
    assert doc_pages.shows(value, text) is expected
