"""What HybridOracle proposes, and how it takes the results."""

import collections
import json
import math

import keras_tuner
import pytest
from keras_tuner.engine.trial import TrialStatus
from priced_space import little_space, score, tiny_space

from keras_shiftadd.cost import Budget
from keras_shiftadd.tuners import HybridOracle

pytestmark = pytest.mark.once

OBJECTIVE = keras_tuner.Objective("score", "max")


@pytest.fixture
def make(tmp_path):
    """Makes an oracle with a project of its own."""

    def make_oracle(space=None, objective=OBJECTIVE, project="project", **options):
        settings = {"max_trials": 30, "population_size": 10, "num_parents": 3, "seed": 1, **options}
        oracle = HybridOracle(space or tiny_space(), objective, **settings)
        oracle._set_project_dir(str(tmp_path), project)
        oracle.verbose = 0
        return oracle

    return make_oracle


def run(oracle, trials=None, scored=score, tuner_id="tuner0"):
    """Runs trials until the oracle stops or `trials` are done; returns the last answer."""
    done = 0
    while True:
        trial = oracle.create_trial(tuner_id)
        if trial.status != TrialStatus.RUNNING or done == trials:
            return trial
        value = scored(oracle.space.architecture(trial.hyperparameters))
        oracle.update_trial(trial.trial_id, {oracle.objective.name: value})
        finish(oracle, trial)
        done += 1


def finish(oracle, trial, status=TrialStatus.COMPLETED):
    trial.status = status
    oracle.end_trial(trial)


def origins(oracle):
    return [record["origin"] for record in oracle.history()]


def keys(oracle):
    return [json.dumps(record["architecture"], sort_keys=True) for record in oracle.history()]


class TestProposals:
    def test_a_search_has_as_many_trials_as_it_may(self, make):
        oracle = make()
        assert run(oracle).status == TrialStatus.STOPPED
        assert len(oracle.trials) == 30

    def test_the_first_population_is_random(self, make):
        oracle = make()
        run(oracle)
        assert origins(oracle)[:10] == ["random"] * 10
        assert set(origins(oracle)[10:]) == {"restart", "mutation", "crossover"}

    def test_the_first_population_holds_networks_of_one_operator(self, make):
        oracle = make(max_trials=10, single_operator_share=1.0, budget=None)
        run(oracle)
        used = [
            {
                block["operator"]
                for stage in record["architecture"]["stages"]
                for block in stage["blocks"]
            }
            for record in oracle.history()
        ]
        assert all(len(operators) == 1 for operators in used)
        assert len(set.union(*used)) > 1

    def test_shares_of_restarts_and_crossovers(self, make):
        oracle = make(max_trials=250, num_parents=10, restart_share=0.4, crossover_share=0.25)
        # All scores are equal, so that parents stay different.
        run(oracle, scored=lambda architecture: 1.0)
        shares = collections.Counter(origins(oracle)[10:])
        assert shares["restart"] / 240 == pytest.approx(0.4, abs=0.1)
        children = shares["crossover"] + shares["mutation"]
        assert shares["crossover"] / children == pytest.approx(0.25, abs=0.1)

    def test_top_parents_are_the_best_of_the_trials_before(self, make):
        oracle = make(parent_selection="top", restart_share=0.0)
        run(oracle)
        records = oracle.history()
        for i, record in enumerate(records[10:], start=10):
            best = sorted(records[:i], key=lambda r: -r["score"])[:3]
            assert set(record["parents"]) <= {r["trial_id"] for r in best}

    def test_a_tournament_of_the_whole_population_is_won_by_the_best(self, make):
        oracle = make(
            parent_selection="tournament",
            tournament_size=10,
            restart_share=0.0,
            crossover_share=0.0,
        )
        run(oracle)
        records = oracle.history()
        for i, record in enumerate(records[10:], start=10):
            best = max(records[:i], key=lambda r: r["score"])
            assert record["parents"] == [best["trial_id"]]

    def test_regularized_evolution_takes_parents_from_the_latest_trials(self, make):
        oracle = make(method="regularized_evolution", max_trials=60)
        run(oracle)
        for i, record in enumerate(oracle.history()[10:], start=10):
            assert record["origin"] == "mutation"
            assert int(record["parents"][0]) >= i - 10

    def test_random_search_only_draws(self, make):
        oracle = make(method="random")
        run(oracle)
        assert set(origins(oracle)) == {"random"}

    def test_evolution_finds_better_ones_than_random_search(self, make):
        best = {}
        for method in ("evolution", "regularized_evolution", "random"):
            oracle = make(method=method, max_trials=120, project=method)
            run(oracle)
            best[method] = max(record["score"] for record in oracle.history())
        assert best["evolution"] > best["random"] + 1
        assert best["regularized_evolution"] > best["random"] + 1

    def test_an_objective_to_minimize_turns_the_search_around(self, make):
        oracle = make(objective=keras_tuner.Objective("loss", "min"), max_trials=100)
        run(oracle)
        scores = [record["score"] for record in oracle.history()]
        assert sum(scores[-20:]) < sum(scores[:20])
        assert oracle.get_best_trials(1)[0].score == min(scores)

    @pytest.mark.parametrize("seed", [0, 3])
    def test_the_same_seed_proposes_the_same(self, make, seed):
        first, second = make(seed=seed, project="first"), make(seed=seed, project="second")
        run(first)
        run(second)
        assert keys(first) == keys(second)
        other = make(seed=seed + 1, project="other")
        run(other)
        assert keys(other) != keys(first)

    def test_a_trial_has_the_values_of_its_architecture(self, make):
        oracle = make()
        run(oracle)
        for record in oracle.history():
            values = oracle.trials[record["trial_id"]].hyperparameters.values
            assert values == oracle.space.values(record["architecture"])

    def test_no_architecture_is_tried_twice(self, make):
        oracle = make(little_space(("conv", "shift", "adder"), ((8, 16, 24),), (2, 3, 4)))
        run(oracle)
        assert len(set(keys(oracle))) == len(oracle.trials) == 27

    def test_an_exhausted_space_stops_the_search_and_says_so(self, make, capsys):
        oracle = make(little_space())
        assert run(oracle).status == TrialStatus.STOPPED
        assert len(oracle.trials) == 4
        assert "no other architecture" in oracle.stop_reason
        assert oracle.stop_reason in capsys.readouterr().out

    def test_what_a_model_asks_for_beyond_the_space_is_not_searched(self, make):
        oracle = make()
        trial = oracle.create_trial("tuner0")
        assert trial.hyperparameters.Float("learning_rate", 0.1, 1.0) == 0.1
        oracle.update_trial(trial.trial_id, {"score": 1.0})
        finish(oracle, trial)
        following = oracle.create_trial("tuner0")
        assert "learning_rate" not in following.hyperparameters.values

    def test_an_error_in_the_space_ends_the_search_and_leaves_no_lock(self, make, monkeypatch):
        oracle = make()

        def sample(rng, operator=None, fixed=None):
            raise ArithmeticError("no dice")

        monkeypatch.setattr(oracle.space, "sample", sample)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="no dice"):
                oracle.create_trial("tuner0")
            oracle.stop_reason = None


class TestResults:
    def test_history_has_a_record_of_each_trial(self, make):
        oracle = make()
        run(oracle, trials=3)
        record = oracle.history()[0]
        architecture = record["architecture"]
        cost = oracle.space.cost(architecture, None)
        assert json.loads(json.dumps(record)) == {
            "trial_id": "00",
            "architecture": architecture,
            "score": pytest.approx(score(architecture)),
            "status": "COMPLETED",
            "origin": "random",
            "parents": [],
            "cost": {
                "energy_uj": cost.energy_uj,
                "instructions": None,
                "flash": cost.flash,
                "ram": cost.ram,
            },
        }
        assert oracle.history()[3]["status"] == "RUNNING"
        assert oracle.history()[3]["score"] is None

    def test_the_pareto_front_trades_score_for_the_first_limit_of_the_budget(self, make):
        oracle = make(budget=Budget(flash=40_000, ram=4_000))
        run(oracle)
        front = oracle.pareto_front()
        costs = [record["cost"]["flash"] for record in front]
        scores = [record["score"] for record in front]
        assert costs == sorted(costs)
        assert scores == sorted(scores)
        assert scores[-1] == max(record["score"] for record in oracle.history())
        assert oracle.pareto_front("ram")[-1]["score"] == scores[-1]

    def test_failed_trials_are_no_parents_and_not_on_the_front(self, make):
        oracle = make(max_consecutive_failed_trials=5, restart_share=0.0)
        for i in range(25):
            trial = oracle.create_trial("tuner0")
            if i % 2:
                finish(oracle, trial, TrialStatus.FAILED)
            else:
                oracle.update_trial(trial.trial_id, {"score": float(i)})
                finish(oracle, trial)
        parents = {parent for record in oracle.history() for parent in record["parents"]}
        assert parents
        assert all(int(parent) % 2 == 0 for parent in parents)
        assert all(record["status"] == "COMPLETED" for record in oracle.pareto_front())

    def test_a_score_that_is_no_number_fails_the_trial(self, make):
        oracle = make()
        run(oracle, trials=1, scored=lambda architecture: math.nan)
        record = oracle.history()[0]
        assert record["status"] == "FAILED"
        assert record["score"] is None

    def test_an_invalid_trial_is_run_again_as_often_as_allowed(self, make):
        oracle = make(max_retries_per_trial=1)
        trial = oracle.create_trial("tuner0")
        oracle.update_trial(trial.trial_id, {"score": math.nan})
        finish(oracle, trial)
        again = oracle.create_trial("tuner0")
        assert again.trial_id == trial.trial_id
        assert not again.metrics.exists("score")
        oracle.update_trial(again.trial_id, {"score": 2.0})
        finish(oracle, again)
        assert oracle.history()[0]["score"] == 2.0
        assert oracle.create_trial("tuner0").trial_id != trial.trial_id

    def test_trials_failing_in_a_row_end_the_search_with_their_message(self, make):
        oracle = make(max_consecutive_failed_trials=2)
        for _ in range(2):
            finish(oracle, oracle.create_trial("tuner0"), TrialStatus.FAILED)
            run(oracle, trials=1)
        assert oracle.stop_reason is None
        finish(oracle, oracle.ongoing_trials["tuner0"], TrialStatus.FAILED)
        trial = oracle.create_trial("tuner0")
        trial.message = "out of memory"
        with pytest.raises(RuntimeError, match=r"2 trials in a row failed.*\nout of memory"):
            finish(oracle, trial, TrialStatus.FAILED)
        assert oracle.create_trial("tuner0").status == TrialStatus.STOPPED

    def test_metrics_without_the_objective_are_refused_and_leave_no_lock(self, make):
        oracle = make()
        trial = oracle.create_trial("tuner0")
        with pytest.raises(ValueError, match=r"'score'\. Received: \['loss'\]"):
            oracle.update_trial(trial.trial_id, {"loss": 1.0})
        oracle.update_trial(trial.trial_id, {"score": 1.0, "loss": 1.0})
        finish(oracle, trial)
        assert oracle.history()[0]["score"] == 1.0

    def test_a_completed_trial_without_a_score_is_refused(self, make):
        oracle = make()
        trial = oracle.create_trial("tuner0")
        with pytest.raises(ValueError, match=r"'score'\. Received: \[\]"):
            finish(oracle, trial)


class TestArguments:
    @pytest.mark.parametrize(
        ("argument", "value"),
        [
            ("method", "annealing"),
            ("population_size", 0),
            ("num_parents", 11),
            ("parent_selection", "best"),
            ("tournament_size", 1.5),
            ("mutation_probability", 1.5),
            ("crossover_share", -0.1),
            ("restart_share", "much"),
            ("single_operator_share", 2),
            ("max_trials", 0),
            ("trial_timeout", 0),
            ("max_consecutive_failed_trials", 0),
        ],
    )
    def test_a_bad_argument_is_refused_by_name(self, make, argument, value):
        with pytest.raises(ValueError, match=f"`{argument}`.*{argument}={value!r}"):
            make(**{argument: value})

    def test_several_objectives_are_refused(self, make):
        with pytest.raises(ValueError, match="`objective` must be one"):
            make(objective=["val_loss", "val_accuracy"])
