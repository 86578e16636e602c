import os

from celery import Celery
from work import busy_request

import kibitz_agent.integrations.celery  # noqa: F401

folder = os.environ["QUEUE"]
app = Celery("tasks", broker="filesystem://", backend=f"file://{folder}/results")
app.conf.broker_transport_options = {
    "data_folder_in": f"{folder}/in",
    "data_folder_out": f"{folder}/in",
    "control_folder": f"{folder}/control",
}
app.conf.worker_prefetch_multiplier = 1


@app.task
def work():
    return busy_request(0.2)
