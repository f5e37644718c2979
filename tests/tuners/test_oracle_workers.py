"""One oracle and several workers, some of which die."""

import copy

import keras_tuner
import pytest
from keras_tuner.engine.trial import TrialStatus
from priced_space import little_space, tiny_space

from keras_shiftadd.tuners import HybridOracle
from keras_shiftadd.tuners._workers.seen import SILENCE_SECONDS, WorkersSeen, sign_of_life

pytestmark = pytest.mark.once


class Clock:
    """Time that passes when a test says so."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    time = Clock()
    monkeypatch.setattr(
        "keras_shiftadd.tuners._oracle.durable.WorkersSeen",
        lambda timeout: WorkersSeen(timeout, time),
    )
    return time


@pytest.fixture
def make(tmp_path, clock, monkeypatch):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")

    def make_oracle(space=None, **options):
        settings = {"max_trials": 4, "trial_timeout": 30.0, "seed": 1, **options}
        oracle = HybridOracle(
            space or tiny_space(), keras_tuner.Objective("score", "max"), **settings
        )
        oracle._set_project_dir(str(tmp_path), "project")
        oracle.verbose = 0
        return oracle

    return make_oracle


def finish(oracle, trial, status):
    """Ends a trial with a copy of it, as workers of other processes do."""
    copied = copy.deepcopy(trial)
    copied.status = status
    oracle.end_trial(copied)


def report(oracle, trial, value=1.0):
    oracle.update_trial(trial.trial_id, {"score": value})
    finish(oracle, trial, TrialStatus.COMPLETED)


def run_all(oracle, tuner_id):
    while (trial := oracle.create_trial(tuner_id)).status == TrialStatus.RUNNING:
        report(oracle, trial)
    return trial.status


def test_workers_get_different_trials(make):
    oracle = make()
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    assert first.trial_id != second.trial_id
    assert first.hyperparameters.values != second.hyperparameters.values


def test_a_worker_that_asks_again_gets_its_trial_again(make):
    oracle = make()
    first = oracle.create_trial("a")
    assert oracle.create_trial("a").trial_id == first.trial_id
    assert len(oracle.trials) == 1


def test_workers_are_idle_while_others_run_the_last_trials(make):
    oracle = make()
    last = oracle.create_trial("b")
    assert run_all(oracle, "a") == TrialStatus.IDLE
    report(oracle, last)
    assert oracle.create_trial("a").status == TrialStatus.STOPPED
    assert not oracle.is_finished()
    assert oracle.create_trial("b").status == TrialStatus.STOPPED
    assert oracle.is_finished()


def test_workers_are_idle_while_others_run_the_last_of_the_space(make):
    oracle = make(little_space(), max_trials=100)
    last = oracle.create_trial("b")
    assert run_all(oracle, "a") == TrialStatus.IDLE
    report(oracle, last)
    assert run_all(oracle, "a") == TrialStatus.STOPPED


def test_the_trial_of_a_silent_worker_goes_to_another(make, clock):
    oracle = make()
    lost = oracle.create_trial("dead")
    clock.now += 31
    assert oracle.create_trial("a").trial_id == lost.trial_id
    assert "dead" not in oracle.tuner_ids


def test_a_worker_that_gives_signs_of_life_keeps_its_trial(make, clock):
    oracle = make()
    slow = oracle.create_trial("slow")
    for _ in range(5):
        clock.now += 20
        oracle.update_trial(slow.trial_id, sign_of_life("slow"))
    assert oracle.create_trial("a").trial_id != slow.trial_id
    assert not oracle.trials[slow.trial_id].metrics.metrics


def test_by_default_only_who_gave_signs_of_life_can_fall_silent(make, clock):
    oracle = make(trial_timeout=None)
    stock = oracle.create_trial("stock")
    ours = oracle.create_trial("ours")
    oracle.update_trial(ours.trial_id, sign_of_life("ours"))
    clock.now += SILENCE_SECONDS + 1
    assert oracle.create_trial("a").trial_id == ours.trial_id
    clock.now += 1e6
    oracle.drop_silent_workers()
    assert oracle.ongoing_trials["stock"].trial_id == stock.trial_id


def test_a_search_ends_when_an_idle_worker_dies(make, clock):
    oracle = make()
    last = oracle.create_trial("b")
    assert run_all(oracle, "a") == TrialStatus.IDLE
    clock.now += 29
    report(oracle, last)
    assert run_all(oracle, "b") == TrialStatus.STOPPED
    clock.now += 2
    oracle.drop_silent_workers()
    assert oracle.is_finished()


class TestLateResults:
    """Of worker a, which was taken for dead."""

    @pytest.fixture
    def oracle(self, make):
        return make(max_trials=2)

    @pytest.fixture
    def late(self, oracle, clock):
        trial = oracle.create_trial("a")
        clock.now += 31
        oracle.drop_silent_workers()
        return trial

    def test_before_another_began_it_the_result_counts(self, oracle, late):
        report(oracle, late, 5.0)
        assert oracle.create_trial("b").trial_id != late.trial_id
        assert oracle.history()[0]["score"] == 5.0

    def test_while_another_runs_it_the_first_result_counts(self, oracle, late):
        again = oracle.create_trial("b")
        assert again.trial_id == late.trial_id
        report(oracle, late, 5.0)
        report(oracle, again, 6.0)
        assert oracle.history()[0]["score"] == 5.0
        assert oracle.end_order == [late.trial_id]
        assert "b" not in oracle.ongoing_trials

    def test_after_another_finished_it_the_result_is_not_counted(self, oracle, late):
        report(oracle, oracle.create_trial("b"), 6.0)
        report(oracle, late, 5.0)
        assert oracle.history()[0]["score"] == 6.0
        assert oracle.end_order == [late.trial_id]

    def test_metrics_of_two_runs_are_not_mixed(self, oracle, late):
        again = oracle.create_trial("b")
        oracle.update_trial(late.trial_id, {"score": 5.0})
        report(oracle, again, 7.0)
        assert oracle.history()[0]["score"] == 7.0

    def test_an_end_without_metrics_does_not_end_the_other_run(self, oracle, clock):
        late = oracle.create_trial("a")
        oracle.update_trial(late.trial_id, {"score": 5.0})
        clock.now += 31
        again = oracle.create_trial("b")
        finish(oracle, late, TrialStatus.COMPLETED)
        assert oracle.ongoing_trials["b"].trial_id == again.trial_id
        report(oracle, again, 6.0)
        assert oracle.history()[0]["score"] == 6.0

    def test_a_failure_does_not_undo_a_result(self, oracle, late):
        report(oracle, oracle.create_trial("b"), 6.0)
        finish(oracle, late, TrialStatus.INVALID)
        assert oracle.history()[0]["status"] == TrialStatus.COMPLETED
        assert oracle.create_trial("b").trial_id != late.trial_id


def test_a_trial_that_kills_its_workers_fails(make, clock):
    oracle = make(max_trials=1)
    for i in range(3):
        assert oracle.create_trial(f"victim{i}").trial_id == "0"
        clock.now += 31
    assert oracle.create_trial("a").status == TrialStatus.STOPPED
    (record,) = oracle.history()
    assert record["status"] == "FAILED"
    assert "3 workers fell silent" in oracle.trials["0"].message


def test_failures_in_a_row_stop_all_workers_and_are_for_the_chief_to_raise(make):
    oracle = make(max_consecutive_failed_trials=1)
    other = oracle.create_trial("b")
    trial = oracle.create_trial("a")
    finish(oracle, trial, TrialStatus.FAILED)
    assert oracle.create_trial("a").status == TrialStatus.IDLE
    report(oracle, other)
    assert oracle.create_trial("a").status == TrialStatus.STOPPED
    assert oracle.failed
    assert "in a row failed" in oracle.stop_reason


class TestChiefRestarted:
    @pytest.fixture
    def trials(self, make):
        """What two workers were running when the chief was killed."""
        oracle = make()
        return oracle.create_trial("a"), oracle.create_trial("b")

    @pytest.fixture
    def restarted(self, make, trials):
        oracle = make()
        oracle.reload()
        return oracle

    def test_workers_report_to_the_new_chief(self, restarted, trials):
        report(restarted, trials[0], 5.0)
        assert restarted.history()[0]["score"] == 5.0
        assert restarted.create_trial("c").trial_id == "2"

    def test_a_result_whose_metrics_the_old_chief_took_is_complete(self, make):
        oracle = make()
        trial = oracle.create_trial("a")
        oracle.update_trial(trial.trial_id, {"score": 5.0})
        restarted = make()
        restarted.reload()
        finish(restarted, trial, TrialStatus.COMPLETED)
        assert restarted.history()[0]["score"] == 5.0

    def test_an_end_that_is_reported_again_counts_once(self, make):
        oracle = make()
        trial = oracle.create_trial("a")
        report(oracle, trial)
        restarted = make()
        restarted.reload()
        finish(restarted, trial, TrialStatus.COMPLETED)
        assert restarted.end_order == [trial.trial_id]

    def test_a_worker_that_was_restarted_too_goes_on_with_its_trial(self, restarted, trials):
        assert restarted.create_trial("b").trial_id == trials[1].trial_id

    def test_a_worker_that_does_not_come_back_counts_as_dead(self, restarted, clock, trials):
        report(restarted, trials[1])
        clock.now += 31
        assert restarted.create_trial("b").trial_id == trials[0].trial_id

    def test_results_are_shown_of_trials_that_another_process_began(self, restarted, trials):
        restarted.verbose = 1
        report(restarted, trials[0])
        assert restarted.end_order == [trials[0].trial_id]

    def test_a_search_of_one_process_takes_them_over(self, make, trials, monkeypatch):
        monkeypatch.delenv("KERASTUNER_ORACLE_IP")
        alone = make()
        alone.reload()
        begun = []
        for _ in range(3):
            begun.append(alone.create_trial("tuner0"))
            report(alone, begun[-1])
        assert [trial.trial_id for trial in begun] == ["0", "1", "2"]
