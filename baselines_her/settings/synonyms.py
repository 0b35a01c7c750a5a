"""What other libraries call our settings."""

from collections.abc import Container, Iterable

from .fields import nearest

_OURS = {  # their word -> our settings, and what differs in meaning
    "tau": (("polyak",), "1 - tau"),
    "soft_tau": (("polyak",), "1 - tau"),
    "learning_rate": (("Q_lr", "pi_lr"), ""),
    "lr": (("Q_lr", "pi_lr"), ""),
    "actor_lr": (("pi_lr",), ""),
    "lr_actor": (("pi_lr",), ""),
    "critic_lr": (("Q_lr",), ""),
    "lr_critic": (("Q_lr",), ""),
    "n_envs": (("num_env",), ""),
    "num_envs": (("num_env",), ""),
    "rollout_batch_size": (("num_env",), ""),
    "env_id": (("env",), ""),
    "env_name": (("env",), ""),
    "total_timesteps": (("num_timesteps",), ""),
    "n_timesteps": (("num_timesteps",), ""),
    "timesteps": (("num_timesteps",), ""),
    "total_steps": (("num_timesteps",), ""),
    "steps": (("num_timesteps",), ""),
    "discount": (("gamma",), ""),
    "her_k": (("replay_k",), ""),
    "n_sampled_goal": (("replay_k",), ""),
    "goal_selection_strategy": (("replay_strategy",), ""),
    "gradient_steps": (("n_batches",), "updates per cycle"),
    "eval_episodes": (("n_test_rollouts",), ""),
    "n_eval_episodes": (("n_test_rollouts",), ""),
    "logdir": (("log_path",), ""),
    "log_dir": (("log_path",), ""),
    "save_dir": (("log_path",), ""),
    "output_dir": (("log_path",), ""),
    "n_workers": (("num_cpu",), ""),
    "num_workers": (("num_cpu",), ""),
    "target_success": (("stop_at",), ""),
    "algo": (("alg",), ""),
}


def instead(word: str, known: Iterable[str], prefix: str = "") -> str:
    """The end of an error about an unknown setting: its name here, if there is one.

    Args:
      word: what the user wrote.
      known: the existing settings.
      prefix: put before a setting in the message, e.g. `--`.
    """
    known = list(known)
    ours, meaning = _OURS.get(word.replace("-", "_").lower(), ((), ""))
    if not ours or not _all_in(ours, known):
        return nearest(word, known, prefix)
    names = " and ".join(prefix + name for name in ours)
    return f"; here it is {names}{f' ({meaning})' if meaning else ''}."


def has_synonym(word: str, known: Container[str]) -> bool:
    """Whether the word is another library's for settings that exist here."""
    ours, _ = _OURS.get(word.replace("-", "_").lower(), ((), ""))
    return bool(ours) and _all_in(ours, known)


def _all_in(names: Iterable[str], known: Container[str]) -> bool:
    return all(name in known for name in names)
