"""The user mix of seed report 003 (Locust), against this cluster.

    locust -f cluster/load/locustfile.py --headless -u 50 -r 10 -t 60s --host http://127.0.0.1:8001
    NODES=http://127.0.0.1:8001,http://127.0.0.1:8002,http://127.0.0.1:8003 locust -f cluster/load/locustfile.py …

Three kinds of users stand for the three of the report: publishers (its queue), readers (its cache), and observers (the
state of its locks, which every node has to show alike). Where NODES is given, each user takes one of them and keeps to
it; else all go to --host. A duplicate is a success; whatever is not answered by 200 counts as a failure, and so does a
sum that does not hold. Written for Locust 2.12 (`apt-get install python3-locust`).
"""

import os
import random
import uuid
from datetime import datetime, timezone

from locust import HttpUser, between, task

NODES = [node for node in os.environ.get("NODES", "").split(",") if node]
DUPLICATE_SHARE = float(os.environ.get("DUPLICATE", "0.3"))
TOPICS = ["app.logs", "app.errors", "payments", "orders", "users.signup"]
# Events that a user remembers, to send them again.
RECENT_MAX = 500


class NodeUser(HttpUser):
    """Keeps to one node, so that each node is asked by its share of the users."""

    abstract = True

    def __init__(self, *args, **kwargs):
        if NODES:
            self.host = random.choice(NODES)
        super().__init__(*args, **kwargs)

    def on_start(self):
        self.recent = []

    def next_event(self):
        if self.recent and random.random() < DUPLICATE_SHARE:
            return random.choice(self.recent)
        event = {
            "topic": random.choice(TOPICS),
            "event_id": str(uuid.uuid4()),
            "timestamp": datetime.now(timezone.utc).isoformat(),
            "source": "locust",
            "payload": {"level": "INFO", "message": "an event of a user", "duration_ms": 12.5},
        }
        self.recent.append(event)
        del self.recent[:-RECENT_MAX]
        return event

    def publish(self, events, name):
        with self.client.post("/publish", json=events, name=name, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}: {answer.text[:200]}")
                return None
            body = answer.json()
            if body["accepted"] + body["duplicates"] != body["count"]:
                answer.failure("accepted and duplicates are not all that was sent")
                return None
            return body


class Publisher(NodeUser):
    """Single events and batches, some of them again."""

    weight = 5
    wait_time = between(0.05, 0.2)

    @task(3)
    def one(self):
        self.publish(self.next_event(), "/publish one")

    @task(1)
    def batch(self):
        self.publish([self.next_event() for _ in range(20)], "/publish 20")

    @task(1)
    def own_write(self):
        """Whoever published through a node reads it there at once."""
        event = self.next_event()
        if self.publish(event, "/publish one") is None:
            return
        path = f"/events/{event['topic']}/{event['event_id']}"
        self.client.get(path, name="/events/:topic/:event_id")


class Reader(NodeUser):
    weight = 3
    wait_time = between(0.1, 0.5)

    @task(3)
    def latest(self):
        topic = random.choice(TOPICS)
        self.client.get(f"/events?topic={topic}&order=desc&limit=50", name="/events latest")

    @task(1)
    def linearizable(self):
        self.client.get("/events?limit=20&consistency=linearizable", name="/events linearizable")


class Observer(NodeUser):
    weight = 2
    wait_time = between(0.5, 1.5)

    @task(3)
    def stats(self):
        with self.client.get("/stats", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
                return
            body = answer.json()
            if body["received"] != body["unique_processed"] + body["duplicate_dropped"]:
                answer.failure("received is not unique plus duplicates")

    @task(1)
    def health(self):
        self.client.get("/health")

    @task(1)
    def cluster(self):
        self.client.get("/cluster")
