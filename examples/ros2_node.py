"""A ROS 2 node that moves an arm's gripper by an exported policy.

    baselines-her export FetchReach --to=numpy --out=reach_policy.py
    python examples/ros2_node.py

It has not been run with ROS: read it, and try it in simulation first.  It shows what a
deployment needs around `act`: goals by topic, a fixed rate, limits, and a watchdog that
stops the arm when its state is old.

    /goal            geometry_msgs/PointStamped    where the gripper should be
    /gripper_pose    geometry_msgs/PoseStamped     where it is
    /gripper_twist   geometry_msgs/TwistStamped    how fast it moves
    /gripper_target  geometry_msgs/PointStamped    published: where to move next
"""

import numpy as np

STEP = 0.05  # metres that an action of 1 moves the gripper
PERIOD = 0.04  # seconds between actions: as in training
OLD = 0.1  # seconds after which a state is too old to act on
LOW = np.array([1.05, 0.40, 0.42])  # metres, world frame: where the gripper may be
HIGH = np.array([1.55, 1.10, 0.90])


class Driver:
    """Turns states and goals into targets; knows nothing of ROS."""

    def __init__(self, act):
        self._act, self.goal = act, None
        self._state, self._time = None, -np.inf

    def see(self, position, velocity, now):
        """Takes the gripper's position and velocity [3], in metres and seconds."""
        fingers = np.zeros(2), np.zeros(2)  # closed, at rest
        parts = position, fingers[0], np.asarray(velocity) * PERIOD, fingers[1]
        self._state, self._time = np.concatenate(parts).astype(np.float32), now

    def target(self, now):
        """Where the gripper should move, or None to stand still."""
        is_old = now - self._time > OLD
        if self.goal is None or is_old:
            return None
        action = self._act(self._state, np.clip(self.goal, LOW, HIGH))
        if not np.isfinite(action).all():
            return None
        return np.clip(self._state[:3] + STEP * np.clip(action[:3], -1, 1), LOW, HIGH)


def main():
    """Runs the node until ROS ends."""
    import rclpy
    from geometry_msgs.msg import PointStamped, PoseStamped, TwistStamped
    from rclpy.node import Node
    from reach_policy import act

    class PolicyNode(Node):
        def __init__(self):
            super().__init__("baselines_her_policy")
            self.driver, self.velocity = Driver(act), np.zeros(3)
            self.create_subscription(PointStamped, "goal", self.on_goal, 1)
            self.create_subscription(TwistStamped, "gripper_twist", self.on_twist, 1)
            self.create_subscription(PoseStamped, "gripper_pose", self.on_pose, 1)
            self.targets = self.create_publisher(PointStamped, "gripper_target", 1)
            self.create_timer(PERIOD, self.on_timer)

        def now(self):
            return self.get_clock().now().nanoseconds * 1e-9

        def on_goal(self, message):
            p = message.point
            self.driver.goal = np.array([p.x, p.y, p.z])

        def on_twist(self, message):
            v = message.twist.linear
            self.velocity = np.array([v.x, v.y, v.z])

        def on_pose(self, message):
            p = message.pose.position
            self.driver.see(np.array([p.x, p.y, p.z]), self.velocity, self.now())

        def on_timer(self):
            target = self.driver.target(self.now())
            if target is None:
                return
            message = PointStamped()
            message.header.stamp = self.get_clock().now().to_msg()
            message.point.x, message.point.y, message.point.z = map(float, target)
            self.targets.publish(message)

    rclpy.init()
    rclpy.spin(PolicyNode())


if __name__ == "__main__":
    main()
