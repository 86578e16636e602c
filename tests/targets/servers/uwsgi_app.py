import kibitz_agent.integrations.uwsgi  # noqa: F401
from wsgi import app as application  # noqa: F401
