"""The codes there are, and where each of them is produced."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import archc.errors
from archc.diagnostics import Diagnostic

ELSEWHERE = {
    "E0001": "tests/front/test_bad_input.py::test_no_file",
    "E0002": "tests/front/test_bad_input.py::test_too_long",
    "E0317": "tests/front/test_bad_input.py::test_setting",
    "E0004": "tests/test_cli.py::test_explain_an_error",
    "E0506": "tests/errors/test_commands.py::test_training_without_a_recipe",
    "E0507": "tests/errors/test_commands.py::test_training_without_a_loss",
    "E0508": "tests/errors/test_commands.py::test_training_with_a_head_of_other_classes",
    "E0511": "tests/train/test_test_every.py::test_a_schedule_that_follows_the_error",
    "E0601": "tests/errors/test_commands.py::test_unknown_backend",
    "E0602": "tests/errors/test_commands.py::test_broken_backend",
    "E0603": "tests/torch/test_engine.py::test_devices_that_are_not_there",
    "E0604": "tests/torch/test_engine.py::test_weights_of_another_net",
    "E0605": "tests/errors/test_commands.py::test_program_that_cannot_be_written",
    "E0606": "tests/parallel/test_launcher.py::test_other_processes_than_devices",
    "E0607": "tests/train/test_resume.py::test_more_gpus_than_there_are",
    "E0608": "tests/jax/test_engine.py::test_more_cpus_than_jax_started_with",
    "E0620": "tests/computing/test_driver.py::test_jax_always_compiles",
    "E0621": "tests/computing/test_driver.py::test_a_compiler_that_is_not_there",
    "E0701": "tests/data/test_datasets.py::test_faults_of_a_folder",
    "E0702": "tests/data/test_datasets.py::test_faults_of_a_folder",
    "E0703": "tests/data/test_datasets.py::test_faults_of_a_folder",
    "E0704": "tests/data/test_datasets.py::test_faults_of_a_folder",
    "E0705": "tests/data/test_datasets.py::test_faults_of_a_folder",
    "E0706": "tests/data/test_datasets.py::test_broken_files_are_named",
    "E0707": "tests/data/test_datasets.py::test_a_decompression_bomb_is_refused_by_name",
    "E0708": "tests/data/test_batches.py::test_what_does_not_fit_is_found_before_training",
    "E0709": "tests/data/test_batches.py::test_what_does_not_fit_is_found_before_training",
    "E0710": "tests/data/test_batches.py::test_learning_names_the_image_that_stands_in_its_way",
    "E0713": "tests/data/test_batches.py::test_what_does_not_fit_is_found_before_training",
    "E0715": "tests/data/test_datasets.py::test_a_folder_that_may_not_be_listed",
    "E0716": "tests/torch/test_dense.py::test_images_that_the_net_cannot_take",
    "E0717": "tests/data/test_cifar.py::test_files_that_are_not_whole",
    "E0718": "tests/data/test_cifar.py::test_the_python_version_is_refused",
    "E0719": "tests/data/test_generated.py::test_no_number_of_images",
    "E0720": "tests/data/test_reading.py::test_without_grain",
    "E0721": "tests/data/test_reading.py::test_a_process_that_was_killed",
    "E0610": "tests/jax/test_hosts.py::test_towers_stay_on_one_machine",
    "E0801": "tests/train/test_driver.py::test_faults_are_found_before_the_folder_is_made",
    "E0802": "tests/train/test_driver.py::test_divergence_names_the_step_and_keeps_the_best",
    "E0803": "tests/train/test_driver.py::test_predictions_are_checked",
    "E0804": "tests/train/test_driver.py::test_a_run_is_never_overwritten",
    "E0805": "tests/train/test_driver.py::test_a_folder_that_cannot_be_made_is_a_diagnostic",
    "E0806": "tests/train/test_driver.py::test_faults_are_found_before_the_folder_is_made",
    "E0807": "tests/train/test_driver.py::test_predictions_are_checked",
    "E0808": "tests/train/test_resume.py::test_never_begun_anew",
    "E0809": "tests/train/test_resume.py::test_starting_from_weights",
    "E0810": "tests/train/test_resume.py::test_what_is_no_run",
    "E0811": "tests/train/test_resume.py::test_a_run_that_has_all_its_epochs",
    "E0812": "tests/train/test_warm_start.py::test_a_layer_goes_over_whole_or_not_at_all",
    "E0813": "tests/train/test_warm_start.py::test_what_was_asked_for_has_to_match",
    "E0814": "tests/train/test_lone.py::test_it_is_said_before_training",
    "E0820": "tests/train/test_runs.py::test_metrics_that_cannot_be_read",
    "E0821": "tests/train/test_runs.py::test_runs_that_cannot_be_drawn",
    "E0830": "tests/train/test_supervisor.py::test_not_for_ever",
    "E0831": "tests/train/test_supervisor.py::test_a_run_that_goes_on_is_left_alone",
    "E0832": "tests/parallel/test_launcher.py::test_machines_that_do_not_meet",
    "E0850": "tests/computing/test_driver.py::test_a_gradient_that_ends_a_run",
    "E0851": "tests/computing/test_recompute.py::test_a_net_without_blocks",
    "E0901": "tests/graph/test_split_towers.py::test_a_net_without_towers",
    "E0902": "tests/graph/test_split_towers.py::test_towers_of_two_numbers",
    "E0903": "tests/graph/test_split_towers.py::test_a_softmax_that_no_tower_has_whole",
    "E0904": "tests/graph/test_split_towers.py::test_devices_that_are_no_replicas",
}
"""Codes that the text of a spec cannot produce, and the tests that do."""


def diagnostics() -> list[type[Diagnostic]]:
    """Every class of fault, in order of its code."""
    for module in pkgutil.walk_packages(archc.errors.__path__, "archc.errors."):
        importlib.import_module(module.name)
    found: list[type[Diagnostic]] = []
    waiting = list(Diagnostic.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if not inspect.isabstract(kind) and kind.__module__.startswith("archc"):
            found.append(kind)
    return sorted(found, key=lambda kind: kind.code)
