"""The flags of `baselines_her.train`, for editors and type checkers.

Written by `tests/settings/flags_text.py` from the fields of the settings, which also
hold ranges and defaults.  Each flag may be left out.
"""

import os
from typing import Literal, TypedDict

AnyPath = str | os.PathLike[str]


class TrainFlags(TypedDict, total=False):
    """All flags of the command line but `env`, which is an argument of its own."""

    # algorithm
    alg: Literal["her", "ppo", "hac"]
    # keywords for building the environment, as a JSON object
    env_kwargs: str | None
    # options of every reset, as JSON: for a maze {"reset_cell": [1, 1], "goal_cell":
    # [3, 1]}
    reset_options: str | None
    # named set of defaults
    preset: Literal[
        "tuned",
        "tuned_0_1",
        "tuned_demos",
        "laptop",
        "plappert2018",
        "nair2018",
        "laptop_demos",
        "tianshou2021",
        "aidl2023",
    ]
    # seed of all random numbers
    seed: int
    # training steps in the environment, of all workers together
    num_timesteps: int
    # run folder (default: logs/<alg>/<env>_<n>)
    log_path: AnyPath | None
    # file to which the final policy is also written
    save_path: AnyPath | None
    # policy file to start training from, or to play
    load_path: AnyPath | None
    # folder of a run to continue
    resume: AnyPath | None
    # number of workers to start with mpiexec (default: this process alone, or the
    # workers that mpiexec has started)
    num_cpu: int | None
    # play the best policy after training; with --load_path and no --num_timesteps, only
    # play that policy
    play: bool
    # number of episodes that --play plays
    episodes: int
    # let --play also report the share of successful steps
    per_step: bool
    # let --play also report what the environment measures of episodes
    metrics: bool
    # iterations (cycles) per epoch
    n_cycles: int
    # evaluation episodes per epoch
    n_test_rollouts: int
    # end training once the mean score (success rate) of the last 3 evaluations is at
    # least this
    stop_at: float | None
    # save policy_<epoch>.pkl every this many epochs; 0: never
    policy_save_interval: int
    # seconds between checkpoints; 0: after every iteration
    checkpoint_interval: float
    # film one evaluation episode every this many epochs; 0: never
    video_interval: int
    # episodes per cycle and worker
    num_env: int
    # share of actions that are uniformly random
    random_eps: float
    # take random actions in all cycles that begin before this env step
    random_steps: int
    # standard deviation of the noise, as a share of the largest action (only with
    # --noise=gaussian or ou)
    noise_eps: float
    # noise on actions; ou is Ornstein-Uhlenbeck
    noise: Literal["gaussian", "ou", "none"]
    # strength of the pull towards 0 (only with --noise=ou)
    ou_theta: float
    # length of a step, in the time units of the noise (only with --noise=ou)
    ou_dt: float
    # drop episodes with numbers that are not finite, and count them
    skip_bad_episodes: bool
    # play the next cycle's episodes while learning: they come from a policy that is one
    # cycle old
    pipelined: bool
    # which goals replace the desired one
    replay_strategy: Literal["future", "final", "episode", "none", "futureactual"]
    # rows with a hindsight goal per row with the original goal
    replay_k: float
    # use no hindsight goals that were already reached when the episode began
    filter_goals: bool
    # rows with the desired goal of some episode per row with the original goal (only
    # with --replay_strategy=futureactual)
    actual_k: float
    # rows with an achieved goal of some episode per row with the original goal (only
    # with --replay_strategy=futureactual)
    achieved_k: float
    # call compute_reward once per row; slower, for one that takes no arrays
    reward_rows: bool
    # learn from rewards of -1 and 0 where the environment's are 0 and 1
    shift_rewards: bool
    # learn to reach the object too, and explore by reaching it
    relay: bool
    # share of the replayed rows that learn to reach (only with --relay=1)
    relay_share: float
    # metres between gripper and object at which exploring by reaching ends (only with
    # --relay=1)
    relay_near: float
    # far from the object: share of the actions that are chosen by reaching (only with
    # --relay=1)
    relay_guide: float
    # far from the object: share of the actions that are uniformly random (only with
    # --relay=1)
    relay_random: float
    # number of transitions that the replay memory holds
    buffer_size: int
    # which transitions are replayed more often: those with large TD errors (tderror),
    # or those of episodes that moved the object (energy)
    prioritization: Literal["uniform", "tderror", "energy"]
    # exponent of the priorities; 0: uniform (only with --prioritization=tderror)
    per_alpha: float
    # exponent of the importance weights at the start; it rises to 1 (only with
    # --prioritization=tderror)
    per_beta0: float
    # added to every absolute TD error (default: 1e-6) or energy (default: 0.01 J) (only
    # with --prioritization=tderror or energy)
    per_eps: float | None
    # updates between two refreshes of the priorities; 0: as n_batches (only with
    # --prioritization=tderror)
    per_chunk: int
    # file of demonstrations (.npz) to learn from
    demo_file: AnyPath | None
    # number of demonstrations to use: the first ones of the file
    num_demo: int
    # rows of every batch that come from demonstrations
    demo_batch_size: int
    # copy the demonstrations' actions (behaviour cloning)
    bc_loss: bool
    # copy only those actions that the critic prefers (default: as bc_loss)
    q_filter: bool | None
    # with --bc_loss: weight of the other terms of the actor's loss
    prm_loss_weight: float
    # with --bc_loss: weight of the cloning loss, a sum over rows
    aux_loss_weight: float
    # env steps over which aux_loss_weight falls to 0; 0: it stays
    bc_fade: int
    # share of training episodes that begin in the middle of a demonstration
    demo_resets: float
    # clip observations and goals to +- this
    clip_obs: float
    # smallest standard deviation to divide inputs by
    norm_eps: float
    # clip normalised inputs to +- this
    norm_clip: float
    # give the networks goals relative to the achieved goal
    relative_goals: bool
    # give the networks the achieved goal too, where observations lack it (AntMaze)
    see_achieved: bool
    # hidden layers of actor and critic
    layers: int
    # units in each hidden layer
    hidden: int
    # normalise the critic's hidden layers (layer normalisation)
    layer_norm: bool
    # updates per cycle
    n_batches: int
    # transitions per update and worker
    batch_size: int
    # critic's learning rate
    Q_lr: float
    # actor's learning rate
    pi_lr: float
    # env steps over which both rates fall to a tenth; 0: they stay
    lr_fade: int
    # discount factor (default: 1 - 1/T for episodes of T steps)
    gamma: float | None
    # share of the target networks that is kept at each update, once per cycle
    polyak: float
    # weight of the mean squared action in the actor's loss
    action_l2: float
    # clip TD targets to the range of possible returns
    clip_return: bool
    # clip TD targets to at most 0 (default: on if rewards are -1 and 0)
    clip_pos_returns: bool | None
    # evaluate the target networks instead of the main ones
    test_with_polyak: bool
    # number of players: processes that play episodes; results do not depend on it
    # (default: cores - 1, but at most num_env; upper limit: 4 per core)
    collectors: int | None
    # seconds without an answer after which a player ends the run
    collector_timeout: float
    # threads of the learner (default: the cores, shared among the workers)
    learner_threads: int | None
    # seconds without an answer after which a worker ends the run
    mpi_timeout: float
    # speed up Fetch and Hand environments; results stay the same
    fast_env: bool
    # short for --prioritization=tderror
    per: bool
    # steps of each environment per iteration
    nsteps: int
    # processes that step environments; the results do not depend on it; default: the
    # cores
    steppers: int | None
    # units of the hidden layers, e.g. 64,64
    hidden_sizes: str
    # of the hidden layers
    activation: Literal["tanh", "relu", "elu"]
    # policy and value share hidden_sizes, and have heads of their own
    shared_trunk: bool
    # with shared_trunk: units of each head's hidden layers (default: none)
    head_sizes: str | None
    # the mean of the actions passes through tanh
    squash_mean: bool
    # standard deviation of actions: a learned vector, a head of the network, or a
    # schedule
    std: Literal["free", "state", "schedule"]
    # its logarithm at the start
    log_std_init: float
    # smallest logarithm
    log_std_min: float
    # std at the schedule's end (only with --std=schedule)
    std_final: float
    # env steps over which std falls linearly to std_final (only with --std=schedule)
    std_steps: int
    # observations to zero mean and unit variance
    normalize_obs: bool
    # rewards divided by the deviation of the discounted return
    normalize_reward: bool
    # scaled observations and rewards are clipped to +- this
    clip_input: float
    # passes over the data of an iteration
    noptepochs: int
    # minibatches per pass; or give batch_size
    nminibatches: int | None
    # learning rate at the start
    lr: float
    # learning rate: constant, linear to 0 at num_timesteps, or adapted to the KL
    # divergence of each pass
    lr_schedule: Literal["constant", "linear", "adaptive"]
    # KL divergence that the adaptive rate aims at (only with --lr_schedule=adaptive)
    kl_target: float
    # the ratio is clipped to 1 +- this
    cliprange: float
    # lambda of the advantages (GAE)
    lam: float
    # weight of the value loss
    vf_coef: float
    # weight of the entropy
    ent_coef: float
    # limit of the gradients' global norm
    max_grad_norm: float
    # epsilon of Adam
    adam_eps: float
    # advantages to zero mean and unit variance in each minibatch
    normalize_advantage: bool
    # compute them anew before every pass
    recompute_advantages: bool
    # clip the values' change to cliprange, as baselines does
    clip_value: bool
    # end the passes of an iteration once the KL divergence exceeds this
    target_kl: float | None
    # number of levels; all but the lowest choose subgoals; 1: as alg=her
    levels: int
    # steps between two decisions, for each level above the lowest: 10, or 5,25 for
    # three levels (default: about equally many decisions at each level) (only with
    # --levels=2 or 3)
    periods: str | None
    # which space subgoals lie in, where an environment has several: for
    # FetchPickAndPlace gripper_fingers, gripper or gripper_object (only with --levels=2
    # or 3)
    subgoal_space: str | None
    # how close counts as reaching a subgoal, as a multiple of the space's own threshold
    # (only with --levels=2 or 3)
    subgoal_threshold: float
    # places in the space, or relative to the present place (only with --levels=2 or 3)
    subgoals: Literal["absolute", "relative"]
    # the largest relative subgoal, as a share of half the space (only with
    # --subgoals=relative)
    subgoal_reach: float
    # standard deviation of the noise on subgoals, as a share of half the space (only
    # with --levels=2 or 3)
    subgoal_noise: float
    # share of subgoals that are uniformly random (only with --levels=2 or 3)
    subgoal_random: float
    # share of subgoals that are tested: levels below act without noise, and a subgoal
    # that they miss is penalised (only with --levels=2 or 3)
    subgoal_test_p: float
    # share of its subgoals that a level must reach before they are tested (only with
    # --levels=2 or 3)
    test_from: float
    # replay a level's decisions as if it had chosen the place that was reached (only
    # with --levels=2 or 3)
    hindsight_actions: bool
    # what the lowest level sees: the whole observation, or only the entries that its
    # subgoals are about (only with --levels=2 or 3)
    level0_sees: Literal["all", "subgoal_space"]
