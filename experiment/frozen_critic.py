"""Does a critic that ends in a sigmoid freeze?  `python experiment/frozen_critic.py`.

HAC bounds Q by Q = -H sigmoid(z), for H attempts at a goal.  While a level never
reaches its goal, every reward is -1, and the true value with a discount of 1 - 1/H is
-1 / (1 - gamma) = -H: the end of the sigmoid, where its gradient is 0.  This trains a
critic of each kind on such rewards, and then lets 1 % and 25 % of the rows reach the
goal.

The losses, Q where the goal is reached, and the slope that the actor climbs are printed
as Markdown.
"""

import sys

import numpy as np
import tensorflow as tf

H = 20
GAMMA = 1 - 1 / H
ROWS, INPUTS = 256, 8  # half of the inputs are the action
POLYAK = 0.95


class Critic:
    """Q(x) of one kind, with its target network and optimiser."""

    def __init__(self, with_sigmoid: bool, seed: int):
        """Builds it with the same first weights for both kinds."""
        tf.keras.utils.set_random_seed(seed)
        self._nets = [self._net(), self._net()]
        self._nets[1].set_weights(self._nets[0].get_weights())
        self._with_sigmoid = with_sigmoid
        self._adam = tf.keras.optimizers.Adam(1e-3)

    @staticmethod
    def _net() -> tf.keras.Model:
        layers = [tf.keras.layers.Dense(64, "relu") for _ in range(3)]
        return tf.keras.Sequential([
            tf.keras.Input((INPUTS,)), *layers, tf.keras.layers.Dense(1)
        ])  # fmt: skip

    def value(self, x: tf.Tensor, target: bool = False) -> tf.Tensor:
        """[B]: Q, without the clipping that a linear critic's targets get."""
        z = self._nets[target](x)[:, 0]
        return -H * tf.sigmoid(z) if self._with_sigmoid else z

    @tf.function
    def update(self, x: tf.Tensor, following: tf.Tensor, reached: tf.Tensor):
        """One step on rows that reach the goal (r = 0, the end) or do not (r = -1)."""
        y = tf.clip_by_value(-1 + GAMMA * self.value(following, target=True), -H, 0)
        y = tf.where(reached, 0.0, y)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - self.value(x)))
        weights = self._nets[0].trainable_variables
        self._adam.apply_gradients(zip(tape.gradient(loss, weights), weights))
        for own, other in zip(self._nets[1].weights, self._nets[0].weights):
            own.assign(POLYAK * own + (1 - POLYAK) * other)
        return loss

    def slope(self, x: tf.Tensor) -> float:
        """Mean size of dQ/d(action): what the actor learns from."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            q = tf.reduce_sum(self.value(x))
        by_action = tape.gradient(q, x)[:, INPUTS // 2 :]
        return float(tf.reduce_mean(tf.norm(by_action, axis=1)))


def trained(critic: Critic, n_updates: int, share: float, seed: int) -> list[float]:
    """Trains, and returns critic loss, actor loss, Q where reached, and slope."""
    rng, losses = np.random.default_rng(seed), [0.0]
    for _ in range(n_updates):
        x, following = rng.uniform(-1, 1, (2, ROWS, INPUTS)).astype(np.float32)
        losses.append(float(critic.update(x, following, _reaches(x, share))))
    x = tf.constant(rng.uniform(-1, 1, (4096, INPUTS)).astype(np.float32))
    q = critic.value(x).numpy()
    last, reached = float(np.mean(losses[-100:])), _reaches(x.numpy(), share or 1.0)
    return [last, float(-q.mean()), float(q[reached].mean()), critic.slope(x)]


def _reaches(x: np.ndarray, share: float) -> np.ndarray:
    """[B] bool: the last entry of the action lies in the highest share of its range."""
    return x[:, -1] > 1 - 2 * share


PHASES = (3000, 0.0), (500, 0.01), (2500, 0.01), (3000, 0.25)


def main() -> int:
    """Prints the table."""
    print("| critic | updates | reached | critic loss | actor loss | Q there | slope |")
    print("|---|---|---|---|---|---|---|")
    for with_sigmoid in True, False:
        critic = Critic(with_sigmoid, seed=0)
        name = "-H sigmoid" if with_sigmoid else "linear, clipped targets"
        for seed, (n, share) in enumerate(PHASES):
            found = trained(critic, n, share, seed)
            numbers = " | ".join(f"{value:.3g}" for value in found)
            print(f"| {name} | {n:,} | {share:.0%} | {numbers} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
