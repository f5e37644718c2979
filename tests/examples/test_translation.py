"""The translation example: its data, and a whole run on made-up sentences."""

import gzip
import importlib
import json

import keras
import numpy as np
import pytest

for _module in ("sentencepiece", "sacrebleu", "matplotlib"):
    pytest.importorskip(_module, reason="pip install 'keras-shiftadd[translation]'")
translation = importlib.import_module("translation")
data = importlib.import_module("translation_data")


@pytest.fixture(scope="module")
def subwords():
    pairs = data.made_up_pairs(100, 0)
    return data.Subwords.learned((s for pair in pairs for s in pair), 80)


@pytest.mark.once
def test_subwords_give_sentences_back(subwords):
    for pair in data.made_up_pairs(5, 3):
        for sentence in pair:
            tokens = subwords.encode(sentence)
            assert tokens[-1] == data.END
            assert subwords.decode(tokens) == sentence


@pytest.mark.once
def test_batches_hold_each_pair_once_and_targets_shifted_by_one(subwords):
    pairs = [tuple(map(subwords.encode, pair)) for pair in data.made_up_pairs(21, 3)]
    batches = data.Batches(pairs, 4, 0)
    assert len(batches) == 6
    seen = []
    for i in range(6):
        (source, before), target = batches[i]
        assert source.shape[1] % 8 == target.shape[1] % 8 == 0
        np.testing.assert_array_equal(before[:, 1:], target[:, :-1])
        assert (before[:, 0] == data.START).all()
        seen += [[int(t) for t in row if t] for row in source]
    assert sorted(seen) == sorted(pair[0] for pair in pairs)


@pytest.mark.once
@pytest.mark.parametrize("seed", range(3))
def test_the_first_two_batches_differ_in_length_where_any_do(seed):
    # Otherwise Keras takes their length for that of all batches, and fails at the first other one.
    pairs = [([5] * n, [6] * 3) for n in [3] * 30 + [9] * 30 + [17] * 2]
    batches = data.Batches(pairs, 2, seed)
    lengths = [{array.shape[1] for array in (*x, y)} for x, y in (batches[0], batches[1])]
    assert lengths == [{24}, {8}]


@pytest.mark.once
def test_files_are_read_plain_and_compressed(tmp_path):
    (tmp_path / "a.en").write_text("one\ntwo\n", "utf-8")
    with gzip.open(tmp_path / "a.de.gz", "wt", encoding="utf-8") as file:
        file.write("eins\nzwei\n")
    pairs = data.read_pairs(tmp_path / "a.en", tmp_path / "a.de.gz")
    assert pairs == [("one", "eins"), ("two", "zwei")]
    (tmp_path / "a.en").write_text("one\n", "utf-8")
    with pytest.raises(ValueError, match=r"1 lines in .* 2 in"):
        data.read_pairs(tmp_path / "a.en", tmp_path / "a.de.gz")


@pytest.mark.once
def test_files_are_needed_without_quick(capsys):
    with pytest.raises(SystemExit):
        translation.main([])
    assert "--source and --target are needed" in capsys.readouterr().err


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX compiles each operation of the decoding"
)
def test_a_quick_run_translates_and_draws(tmp_path, capsys):
    translation.main(["--quick", "--output", str(tmp_path)])
    assert "BLEU" in capsys.readouterr().out
    result = json.loads((tmp_path / "result.json").read_text())
    assert 0 <= result["bleu"] <= 100
    assert len((tmp_path / "translations.txt").read_text("utf-8").splitlines()) == 8
    assert (tmp_path / "attention.png").stat().st_size > 1000
    assert keras.saving.load_model(tmp_path / "model.keras", compile=False).count_params() > 0
