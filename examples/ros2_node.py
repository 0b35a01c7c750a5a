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
        self._position, self._velocity = np.zeros(3), np.zeros(3)
        self._times = [-np.inf, -np.inf]  # of position and velocity

    def see_position(self, position, now):
        """Takes the gripper's position [3], in metres."""
        self._position, self._times[0] = np.asarray(position), now

    def see_velocity(self, velocity, now):
        """Takes the gripper's velocity [3], in metres per second."""
        self._velocity, self._times[1] = np.asarray(velocity), now

    def target(self, now):
        """Where the gripper should move, or None to stand still."""
        if self.goal is None or now - min(self._times) > OLD:
            return None
        closed = np.zeros(2)  # the fingers, which are also at rest
        parts = self._position, closed, self._velocity * PERIOD, closed
        state = np.concatenate(parts).astype(np.float32)
        action = self._act(state, np.clip(self.goal, LOW, HIGH))
        if not np.isfinite(action).all():
            return None
        move = STEP * np.clip(action[:3], -1, 1)
        return np.clip(self._position + move, LOW, HIGH)


def main():
    """Runs the node until ROS ends."""
    import rclpy
    from geometry_msgs.msg import PointStamped, PoseStamped, TwistStamped
    from rclpy.node import Node
    from reach_policy import act

    class PolicyNode(Node):
        def __init__(self):
            super().__init__("baselines_her_policy")
            self.driver = Driver(act)
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
            self.driver.see_velocity([v.x, v.y, v.z], self.now())

        def on_pose(self, message):
            p = message.pose.position
            self.driver.see_position([p.x, p.y, p.z], self.now())

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
